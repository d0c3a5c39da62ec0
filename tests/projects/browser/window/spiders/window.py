import scrapy
from scrapy_playwright.page import PageMethod


class WindowSpider(scrapy.Spider):
    name = "window"
    site = "http://localhost:8000"

    async def start(self):
        yield self.request()

    def start_requests(self):
        yield self.request()

    def request(self):
        return scrapy.Request(
            f"{self.site}/today",
            meta={
                "playwright": True,
                "playwright_include_page": True,
                "playwright_page_methods": [PageMethod("wait_for_selector", "li.offer")],
            },
            errback=self.failed,
        )

    async def parse(self, response):
        page = response.meta["playwright_page"]
        await page.screenshot(path="window.png")
        title = await page.title()
        await page.close()
        for name in response.css("li.offer::text").getall():
            yield {"name": name, "title": title}

    async def failed(self, failure):
        await failure.request.meta["playwright_page"].close()
