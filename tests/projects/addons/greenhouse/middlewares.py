from scrapy import signals


class TokenMiddleware:
    """Downloader side: a header for every request, its echo in the meta of the response."""

    def __init__(self, token):
        self.token = token

    @classmethod
    def from_crawler(cls, crawler):
        middleware = cls(crawler.settings["GREENHOUSE_TOKEN"])
        crawler.signals.connect(middleware.opened, signal=signals.spider_opened)
        return middleware

    def opened(self, spider):
        spider.logger.info("token is set")

    def process_request(self, request, spider=None):
        request.headers.setdefault(b"X-Token", self.token.encode())

    def process_response(self, request, response, spider=None):
        request.meta["token"] = request.headers[b"X-Token"].decode()
        return response


class LocateMiddleware:
    """Spider side: adds the address to every item, and leaves out requests to where the till is."""

    def process_spider_output(self, response, result, spider=None):
        for entry in result:
            if isinstance(entry, dict):
                entry["path"] = response.url.partition("//")[2].partition("/")[2]
            elif "/private/" in entry.url:
                continue
            yield entry

    async def process_spider_output_async(self, response, result, spider=None):
        async for entry in result:
            if isinstance(entry, dict):
                entry["path"] = response.url.partition("//")[2].partition("/")[2]
            elif "/private/" in entry.url:
                continue
            yield entry
