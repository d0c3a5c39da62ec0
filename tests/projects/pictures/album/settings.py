SPIDER_MODULES = ["album.spiders"]
ITEM_PIPELINES = {
    "scrapy.pipelines.images.ImagesPipeline": 1,
    "album.pipelines.LeafletPipeline": 2,
}
IMAGES_STORE = "downloads/pictures"
IMAGES_THUMBS = {"small": (4, 4)}
FILES_STORE = "downloads/leaflets"
MEDIA_ALLOW_REDIRECTS = True
