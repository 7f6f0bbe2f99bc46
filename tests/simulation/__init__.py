"""A controller in a folder, and everything around it that changes: logs, feeds, mails, the clock.

- `logs.py`: logs that grow, are rotated, disappear and come back.
- `publishers.py`: feeds that change, shrink and break.
- `state.py`, `records.py`, `mailbox.py`: readers of the controller's state, records and mails.
- `world.py`: all of these and the model, with the operator's commands.
"""
