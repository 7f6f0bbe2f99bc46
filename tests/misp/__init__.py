"""The MISP test double: a server that answers as a real MISP 2.5.1 answered in the captures of
tests/data/misp.

    with misp.running() as double:
        double.url, double.key            # for the program under test
        double.events(), double.attributes()    # everything that it holds
        double.requests                   # what it was asked
        double.fault("500", path="/events/add", store=3)

`python -m tests.misp --port N` runs it for trying by hand. handle.py describes the handle,
faults.py the faults. One file holds one concern of MISP: accounts.py, values.py, events.py,
attributes.py, objects.py, tags.py, sightings.py, warninglists.py, search.py, publishing.py,
upload.py.
"""

from tests.misp.handle import Misp, running, secured

__all__ = ["Misp", "running", "secured"]
