"""How schedulers and APIs talk with workers on other machines: the only part that knows NATS.

``connection.Bus`` is one connection that heals itself: requests and answers, live lines. ``stream.RunStream``
announces runs that are ready, ``puller.Puller`` takes announcements for a worker. ``subjects`` makes every name.

The database is the truth, and the bus only says that it is worth a look. Whatever it loses or says twice, no run is
lost or doubled. It needs the extra ``fleet``; ``subjects`` can be imported without it.
"""
