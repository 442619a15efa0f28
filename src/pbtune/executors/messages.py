"""What executors bring: the words of the workers' protocol that a driver has to know."""

from pbtune.worker.protocol import Asked as Asked
from pbtune.worker.protocol import AwaitsSpace as AwaitsSpace
from pbtune.worker.protocol import Died as Died
from pbtune.worker.protocol import Errored as Errored
from pbtune.worker.protocol import Finished as Finished
from pbtune.worker.protocol import Message as Message
from pbtune.worker.protocol import Streamed as Streamed

__all__ = ["Asked", "AwaitsSpace", "Died", "Errored", "Finished", "Message", "Streamed"]
