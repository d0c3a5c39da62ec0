BOT_NAME = "bookshop"

SPIDER_MODULES = ["bookshop.spiders"]
NEWSPIDER_MODULE = "bookshop.spiders"

ROBOTSTXT_OBEY = True
CONCURRENT_REQUESTS_PER_DOMAIN = 4

ITEM_PIPELINES = {
    "bookshop.pipelines.CleanBook": 300,
}

FEED_EXPORT_ENCODING = "utf-8"
