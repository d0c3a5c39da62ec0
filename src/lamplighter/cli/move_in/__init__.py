"""Moving in: what other systems have (``crontab``, ``scrapy_project``, ``sequentum``) becomes ``wanted`` values, which
``carrying`` brings to the server; and the times at which they ran (``old_times``), for comparing.
"""
