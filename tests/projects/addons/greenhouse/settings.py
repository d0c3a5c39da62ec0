SPIDER_MODULES = ["greenhouse.spiders"]
ADDONS = {"greenhouse.addon.GreenhouseAddon": 0}
DOWNLOADER_MIDDLEWARES = {"greenhouse.middlewares.TokenMiddleware": 543}
SPIDER_MIDDLEWARES = {"greenhouse.middlewares.LocateMiddleware": 543}
EXTENSIONS = {"greenhouse.extensions.DiaryExtension": 500, "scrapy.extensions.telnet.TelnetConsole": None}
RETRY_TIMES = 1
