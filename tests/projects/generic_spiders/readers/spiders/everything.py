from scrapy.spiders import SitemapSpider


class EverythingSpider(SitemapSpider):
    name = "everything"
    sitemap_rules = [(r"/plant/", "parse_plant")]

    def __init__(self, site, *args, **kwargs):
        self.sitemap_urls = [f"{site}/robots.txt"]
        super().__init__(*args, **kwargs)

    def sitemap_filter(self, entries):
        for entry in entries:
            if not entry["loc"].endswith("/plant/3"):
                yield entry

    def parse_plant(self, response):
        yield {"name": response.css("h1::text").get(), "url": response.url}
