import scrapy


class LedgerSpider(scrapy.Spider):
    name = "ledger"
    handle_httpstatus_list = [404]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{self.site}/plants/"]

    def parse(self, response):
        self.state["pages"] = self.state.get("pages", 0) + 1
        for link in response.css("li.plant a"):
            yield response.follow(link, self.parse_plant, cb_kwargs={"page": self.state["pages"]})
        yield response.follow("/gone", self.parse_gone)
        for link in response.css("a[rel=next]"):
            yield response.follow(link)

    def parse_plant(self, response, page):
        # Asked twice: the second answer comes from the cache.
        if response.meta.get("again"):
            yield {"name": response.css("h1::text").get(), "page": page, "cached": "cached" in response.flags}
        else:
            yield response.request.replace(dont_filter=True, meta={"again": True})

    def parse_gone(self, response):
        yield {"name": "gone", "page": 0, "cached": False, "status": response.status}
