import scrapy


class PricesSpider(scrapy.Spider):
    name = "prices"
    season = "autumn"
    site = None
    custom_settings = {
        "FEED_STORE_EMPTY": True,
        "CONCURRENT_REQUESTS": 1,
        "LOG_FORMAT": "%(levelname)s: %(message)s",
    }

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.start_urls = [f"{spider.site}/plants/"]
        return spider

    def parse(self, response):
        for row in response.xpath("//li[@class='plant']"):
            yield {
                "name": row.xpath("a/text()").get(),
                "price": row.xpath("b/text()").get(default=""),
                "link": row.xpath("a/@href").get(),
            }
        if further := response.css("a[rel=next]::attr(href)").get():
            yield response.follow(further)
