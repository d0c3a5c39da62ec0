from urllib.parse import urlsplit

from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule


class AtlasSpider(CrawlSpider):
    name = "atlas"

    rules = (
        Rule(LinkExtractor(allow=r"/plant/\d+$", deny=r"/plant/10$"), callback="parse_plant", follow=False),
        Rule(LinkExtractor(allow=r"/path/\d+$"), callback="parse_step", follow=True),
        Rule(LinkExtractor(allow=(r"/plants/", r"/private/")), process_links="note_links"),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [self.site]
        self.allowed_domains = [urlsplit(self.site).hostname]

    def note_links(self, links):
        return [link for link in links if not link.nofollow]

    def parse_plant(self, response):
        return {"type": "plant", "name": response.xpath("normalize-space(//h1)").get()}

    def parse_step(self, response):
        yield {"type": "step", "name": response.xpath("//h1/text()").get(), "depth": response.meta["depth"]}
