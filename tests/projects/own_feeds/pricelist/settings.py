from pathlib import Path

BOT_NAME = "pricelist"
SPIDER_MODULES = ["pricelist.spiders"]

FEEDS = {
    "out/%(name)s-%(season)s.json": {"format": "json", "indent": 2, "encoding": "utf-8"},
    Path("out/prices.csv"): {"format": "csv", "fields": {"name": "Plant", "price": "Price"}},
    "out/cheap.jsonl.gz": {
        "format": "jsonlines",
        "item_filter": "pricelist.feeds.CheapOnly",
        "postprocessing": ["scrapy.extensions.postprocessing.GzipPlugin"],
    },
    "out/batch-%(batch_id)d.xml": {
        "format": "xml",
        "batch_item_count": 4,
        "item_export_kwargs": {"root_element": "plants"},
    },
    "out/lines.txt": {"format": "tabs"},
}
FEED_EXPORTERS = {"tabs": "pricelist.feeds.TabExporter"}
FEED_EXPORT_FIELDS = ["name", "price", "stock"]
