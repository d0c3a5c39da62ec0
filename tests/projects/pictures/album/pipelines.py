from pathlib import PurePosixPath
from urllib.parse import urlparse

from scrapy.pipelines.files import FilesPipeline


class LeafletPipeline(FilesPipeline):
    """Keeps leaflets under the names that they have on the site."""

    def file_path(self, request, response=None, info=None, *, item=None):
        return PurePosixPath(urlparse(request.url).path).name
