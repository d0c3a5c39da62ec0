import asyncio

import scrapy
from scrapy.utils.defer import maybe_deferred_to_future


class CountPipeline:
    async def process_item(self, item, spider=None):
        await asyncio.sleep(0.01)
        item["counted"] = True
        return item


class RhythmSpider(scrapy.Spider):
    name = "rhythm"
    custom_settings = {
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "ITEM_PIPELINES": {CountPipeline: 1},
    }

    async def start(self):
        for beat in range(int(self.beats)):
            await asyncio.sleep(0.01)
            yield scrapy.Request(f"{self.site}/path/{beat + 1}", cb_kwargs={"beat": beat})

    def start_requests(self):  # for Scrapy before 2.13
        for beat in range(int(self.beats)):
            yield scrapy.Request(f"{self.site}/path/{beat + 1}", cb_kwargs={"beat": beat})

    async def parse(self, response, beat):
        inner = scrapy.Request(response.urljoin(f"/plant/{beat + 1}"))
        plant = await maybe_deferred_to_future(self.crawler.engine.download(inner))
        task = asyncio.create_task(asyncio.sleep(0.01, result=plant.css("h1::text").get()))
        yield {"beat": beat, "step": response.css("h1::text").get(), "plant": await task}
