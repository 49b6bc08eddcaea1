"""Tickets of this process for tests of the queue."""

from __future__ import annotations

import os

from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.queue import Ticket

HERE = ProcessIdentity.of_pid(os.getpid())


def ticket(number, devices=("cpu",), **fields):
    return Ticket(f"/jobs/{number}", devices, float(number), identity=HERE, **fields)
