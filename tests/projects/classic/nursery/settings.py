BOT_NAME = "nursery"

SPIDER_MODULES = ["nursery.spiders"]
NEWSPIDER_MODULE = "nursery.spiders"

ROBOTSTXT_OBEY = True
CONCURRENT_REQUESTS_PER_DOMAIN = 2
USER_AGENT = "nursery (+https://nursery.example)"

ITEM_PIPELINES = {
    "nursery.pipelines.NotForSalePipeline": 100,
    "nursery.pipelines.PricePipeline": 200,
    "nursery.pipelines.NumberPipeline": 300,
}

CURRENCY = "GBP"
FEED_EXPORT_ENCODING = "utf-8"
