# scrapy runspider steps.py -a site=http://localhost:8000 -O steps.json
import scrapy


class StepsSpider(scrapy.Spider):
    name = "steps"
    custom_settings = {"DEPTH_STATS_VERBOSE": True, "FEEDS": {"steps.json": {"format": "json"}}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [self.site + "/path/1"]

    def parse(self, response):
        yield {"step": response.css("h1::text").get(), "depth": response.meta["depth"]}
        for href in response.xpath("//a[.='further']/@href"):
            yield response.follow(href, self.parse)


if __name__ == "__main__":
    from scrapy.cmdline import execute

    execute(["scrapy", "runspider", __file__])
