SPIDER_MODULES = ["kinds.spiders"]
ITEM_PIPELINES = {"kinds.pipelines.StampPipeline": 1}
