import scrapy


class ListSpider(scrapy.Spider):
    name = "list"

    def parse(self, response):
        for name in response.css("li.plant a::text").getall():
            yield {"spider": self.name, "name": name}


class PictureSpider(scrapy.Spider):
    name = "pictures"

    def parse(self, response):
        for source in response.css("img::attr(src)").getall():
            yield {"spider": self.name, "name": source}
