import scrapy


class WarmSpider(scrapy.Spider):
    name = "warm"

    def __init__(self, *args, site=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{site}/"]

    def parse(self, response):
        yield {"title": response.css("h1::text").get(), "token": response.meta["token"]}
        for link in response.css("a::attr(href)").getall():
            yield response.follow(link, callback=self.parse_link)

    def parse_link(self, response):
        yield {"title": response.css("h1::text").get(), "token": response.meta["token"]}
