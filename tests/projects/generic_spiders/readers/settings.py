SPIDER_MODULES = ["readers.spiders"]
