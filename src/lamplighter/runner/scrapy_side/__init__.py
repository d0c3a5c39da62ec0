"""What runs inside the process of a Scrapy agent; ``runner/scrapy_child.py`` starts it.

The package stands alone: it runs with the Python of the agent's own environment, where nothing of Lamplighter may
be installed and Scrapy may be any version from 2.13 on. Of Lamplighter it imports only ``agent`` and
``runner.walls``, and all are found under a name of their own (see ``runner/scrapy_child.py``), so its imports of
ours are relative.

It behaves like ``scrapy crawl`` for a project (a ``scrapy.cfg`` in the folder), and otherwise finds the
spider by name in the folder's ``*.py`` files. The project stays as it is: only settings at the priority of
the command line are added, none of them one of the project's lists of components (they would be replaced), and
everything else is observed by signals. With proxies, one middleware is added to Scrapy's own list.

What the environment says: ``LAMPLIGHTER_SPIDER`` (a spider's name), ``LAMPLIGHTER_INPUT`` (a JSON file: an
object, or an array of objects that are crawled one after another), ``LAMPLIGHTER_RECORDS`` (JSON Lines are
appended here), ``LAMPLIGHTER_REPORT`` (the report is written here), ``LAMPLIGHTER_LOG_LEVEL``,
``LAMPLIGHTER_PROXY_PLAN`` (the proxies of the run, see ``proxies/plan.py``), ``LAMPLIGHTER_SNAPSHOTS`` (a folder
for pages, only when they are to be kept) and ``LAMPLIGHTER_EVIDENCE`` (a folder for the page that failed).

Choices:

- *The log* goes to standard error, always. A project's own ``LOG_FILE`` is written too, at the same level. Other
  handlers of the project that write to standard output or error are held to the level.
- *Problems* make the run a failure: an end other than ``finished``, an exception of the spider or the
  engine, a failed feed, records that could not be written, a crawl that did not start. *Errors* are only
  counted: every record of the log at ERROR or above, whatever level the log shows. An exception of an item
  pipeline is an error, unless not a single item came through: then it is a problem. So is a crawl that has
  loaded no page: the site is down or answers with errors only, or a middleware raises on every page; and
  requests that every proxy has refused for our credentials. What tells least, the finish reason, comes last.
- *The failing page* is kept whatever the end: the server, which makes the verdict, removes it after a good one.
- *The reactor* is the project's, or the spider's if its ``custom_settings`` name one.
- *The exit status* is 1 if a crawl could not be started, else 0. The verdict is made from the report.
"""
