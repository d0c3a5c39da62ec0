"""An installation written down in a file, and how a server is made to be as the file says.

::

    file → yaml_text → document (checked) → wanted ┐
                                                   ├ planning → changes → carrying_out
    server → current state                         ┘

``yaml_text`` reads and writes YAML, ``document`` knows what may be in the file, ``words`` what the words of a
schedule are on the wire, ``code`` the files of agents, ``state`` the values that both sides become, ``planning``
(pure) what is to be done. ``server`` reads what there is and carries out; all of it goes through the client.
"""
