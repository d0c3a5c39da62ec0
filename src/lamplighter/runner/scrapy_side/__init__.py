"""What runs inside the process of a Scrapy agent; ``runner/scrapy_child.py`` starts it.

The package stands alone: it runs with the Python of the agent's own environment, where nothing of Lamplighter may
be installed and Scrapy may be any version from 2.13 on. Of Lamplighter it imports only ``agent``, and both
are found under a name of their own (see ``runner/scrapy_child.py``), so its imports of ours are relative.

It behaves like ``scrapy crawl`` for a project (a ``scrapy.cfg`` in the folder), and otherwise finds the
spider by name in the folder's ``*.py`` files. The project stays as it is: only settings at the priority of
the command line are added, none of them a list of components (those would replace the project's own), and
everything else is observed by signals.

What the environment says: ``LAMPLIGHTER_SPIDER`` (a spider's name), ``LAMPLIGHTER_INPUT`` (a JSON file: an
object, or an array of objects that are crawled one after another), ``LAMPLIGHTER_RECORDS`` (JSON Lines are
appended here), ``LAMPLIGHTER_REPORT`` (the report is written here) and ``LAMPLIGHTER_LOG_LEVEL``.

Choices:

- *The log* goes to standard error, always. A project's own ``LOG_FILE`` is written too, at the same level.
- *Problems* make the run a failure: an end other than ``finished``, an exception of the spider or the
  engine, a failed feed, records that could not be written, a crawl that did not start. *Errors* are only
  counted: every record of the log at ERROR or above, whatever level the log shows. An exception of an item
  pipeline is an error, unless not a single item came through: then it is a problem. So is a crawl whose
  requests all failed, such as one of a site that is down.
- *The reactor* is the project's, or the spider's if its ``custom_settings`` name one.
- *The exit status* is 1 if a crawl could not be started, else 0. The verdict is made from the report.
"""
