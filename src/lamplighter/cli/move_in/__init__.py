"""Moving in: what other systems have becomes ``wanted`` values, which ``carrying`` brings to the server.

``crontab``, ``scrapy_project`` and ``sequentum`` read what there is; ``old_times`` reads when it ran.
"""
