"""A broker's life as the controller sees it: registered, kept alive by heartbeats, let go when it has to end.

    start: register → heartbeat until unfenced → serve, and go on with heartbeats
    stop:  heartbeat that it wants to shut down → the controller moves its leaders → end

One task does all of it, so requests of this broker's life never overtake each other. A controller that does not know
this incarnation any more (another one was registered, or it was unregistered) is told of it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from broker.cluster.controller_channel import ControllerChannel
from broker.cluster.long_wait import LongWait
from broker.config import BrokerConfig
from broker.metadata import SUPPORTED, MetadataDelta, MetadataImage, MetadataPublisher
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.controller import (
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
    Feature,
    Listener,
)

logger = logging.getLogger(__name__)

REGISTRATION_VERSION = 4
HEARTBEAT_VERSION = 1
REGISTRATION_RETRY_S = 0.1
# Between one refusal and the next it doubles up to this: the session of who is in the way has to end.
REFUSED_RETRY_MAX_S = 1.0
# The controller may have to be elected first.
REGISTRATION_TIMEOUT_MS = 5_000.0
SHUTDOWN_TIMEOUT_S = 5.0
SILENCE_CHECKS_PER_SESSION = 10
SILENCE_CHECK_S_MIN = 0.001

_TO_REGISTER_AGAIN = (ErrorCode.BROKER_ID_NOT_REGISTERED, ErrorCode.STALE_BROKER_EPOCH)


class BrokerLifecycle:
    """`on_joined` is called once, within the very move of the image that shows this incarnation unfenced.

    `on_cut_off` is told True when no controller has answered for a session's time: it has fenced this broker by now,
    or will never hear of what it does. And False when one answers again that does not; `barrier` makes sure that the
    image is of now. `lost` are the nodes whose processes are known to be gone.
    """

    def __init__(
        self,
        *,
        node_id: int,
        channel: ControllerChannel,
        publisher: MetadataPublisher,
        config: Callable[[], BrokerConfig],
        incarnation_id: bytes,
        directory_id: bytes,
        on_joined: Callable[[MetadataImage], None],
        on_cut_off: Callable[[bool], None],
        barrier: Callable[[], Awaitable[None]],
        lost: Callable[[], Collection[int]] = frozenset,
    ) -> None:
        self._node_id = node_id
        self._channel = channel
        self._publisher = publisher
        self._config = config
        self._incarnation_id = incarnation_id
        self._directory_id = directory_id
        self._on_joined = on_joined
        self._on_cut_off = on_cut_off
        self._barrier = barrier
        self._lost = lost
        self._is_cut_off = False
        self._waiting = LongWait(logger, "a controller that answers this broker")
        self._sent_s = self._answered_s = 0.0
        self._silence_check: asyncio.TimerHandle | None = None
        self._endpoints: Mapping[str, tuple[str, int]] = {}
        self._broker_epoch = -1
        self._joined = asyncio.Event()
        self._heartbeat_now = asyncio.Event()
        self._wants_shut_down = False
        self._may_shut_down = False
        self._shut_down_news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        publisher.subscribe(self._image_moved)

    async def start(self, endpoints: Mapping[str, tuple[str, int]]) -> None:
        """Returns when this broker is a member that may lead. Waits for as long as there is no controller."""
        self._endpoints = endpoints
        self._answered_s = asyncio.get_running_loop().time()
        self._task = asyncio.get_running_loop().create_task(self._live(), name="broker-lifecycle")
        joined = asyncio.ensure_future(self._joined.wait())
        await asyncio.wait([joined, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not joined.done():
            joined.cancel()
            self._task.result()
        # The image may show this broker unfenced before the answer to the heartbeat that did it is read here.
        self._answered_s = max(self._answered_s, self._sent_s)
        self._look_for_silence()

    async def shut_down(self) -> None:
        """Let others lead what this broker leads; returns when they do, or after a while without an answer."""
        if self._task is None or self._task.done() or not self.has_company:
            return
        self._wants_shut_down = True
        self._heartbeat_now.set()
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
                while not self._may_shut_down and self._has_heirs:
                    await self._shut_down_news.wait()
                    self._shut_down_news.clear()
        except TimeoutError:
            logger.warning("no controller took over what this broker leads; it stops all the same")

    async def stop(self) -> None:
        if self._silence_check is not None:
            self._silence_check.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def controller_changed(self) -> None:
        """A new controller knows of nobody's heartbeats: this one's comes at once."""
        self._heartbeat_now.set()

    def node_lost(self, node_id: int) -> None:
        """A process is gone that may have been the last to take something over."""
        self._shut_down_news.set()

    # --- the image -----------------------------------------------------------------------------------------------

    def _image_moved(self, delta: MetadataDelta, image: MetadataImage) -> None:
        broker = image.brokers.get(self._node_id)
        self._shut_down_news.set()
        if broker is None or broker.incarnation_id != self._incarnation_id:
            return
        if broker.broker_epoch != self._broker_epoch:
            self._broker_epoch = broker.broker_epoch
            self._heartbeat_now.set()
        if not broker.fenced and not self._joined.is_set():
            self._joined.set()
            self._on_joined(image)

    @property
    def has_company(self) -> bool:
        """Whether there is another broker that could take something over."""
        return bool(self._others())

    @property
    def is_of_several(self) -> bool:
        """Whether the cluster has other brokers, there or away."""
        return any(node_id != self._node_id for node_id in self._publisher.image.brokers)

    @property
    def _has_heirs(self) -> bool:
        """Whether one of those is there: where a whole cluster stops, the last ones cannot tell a controller."""
        return not self._others() <= set(self._lost())

    def _others(self) -> set[int]:
        brokers = self._publisher.image.brokers.values()
        return {broker.node_id for broker in brokers if broker.is_active and broker.node_id != self._node_id}

    # --- silence -------------------------------------------------------------------------------------------------

    def _look_for_silence(self) -> None:
        loop, timeout_s = asyncio.get_running_loop(), self._config().broker_session_timeout_ms / 1000
        left_s = self._answered_s + timeout_s - loop.time()
        is_silent = left_s <= 0
        # Not a moment later than the session ends: the controller does not wait for who looks late.
        look_again_s = timeout_s / SILENCE_CHECKS_PER_SESSION if is_silent else max(left_s, SILENCE_CHECK_S_MIN)
        self._silence_check = loop.call_later(look_again_s, self._look_for_silence)
        if is_silent and not self._is_cut_off and self.has_company:
            logger.warning("no controller has answered for %.1f s: others lead what this broker led", timeout_s)
            self._is_cut_off = True
            self._on_cut_off(True)

    async def _answered(self, sent_s: float, *, is_fenced: bool) -> None:
        # The controller's clock began when the heartbeat came; what is counted here began before.
        self._answered_s = sent_s
        if self._is_cut_off and not is_fenced:
            # What was decided meanwhile is known here before this broker acts on its image again.
            try:
                async with asyncio.timeout(self._config().broker_session_timeout_ms / 1000):
                    await self._barrier()
            except (KafkaError, TimeoutError):
                return
            logger.info("a controller answers again")
            self._is_cut_off = False
            self._on_cut_off(False)

    # --- the task ------------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        await self._register()
        while True:
            self._heartbeat_now.clear()
            sent_s = self._sent_s = asyncio.get_running_loop().time()
            try:
                answer = await self._heartbeat()
            except KafkaError as error:
                self._waits(f"no heartbeat is answered ({error.message})")
                continue
            self._waiting.is_over(asyncio.get_running_loop().time())
            if answer.error_code in _TO_REGISTER_AGAIN:
                await self._register()
                continue
            if not answer.error_code:
                await self._answered(sent_s, is_fenced=answer.is_fenced)
            if answer.should_shut_down:
                self._may_shut_down = True
                self._shut_down_news.set()
            if self._joined.is_set() and not answer.is_fenced:
                await self._pause(self._config().broker_heartbeat_interval_ms / 1000)
            else:
                # What makes this broker fit to be unfenced shows in its image: that moves, and wakes this.
                await self._pause(REGISTRATION_RETRY_S)

    async def _pause(self, seconds: float) -> None:
        try:
            # Not wait_for: in Python 3.11 it forgets to be cancelled where the event comes in the same turn.
            async with asyncio.timeout(seconds):
                await self._heartbeat_now.wait()
        except TimeoutError:
            return

    async def _register(self) -> None:
        refused_with, retry_s = ErrorCode.NONE, REGISTRATION_RETRY_S
        while True:
            request = BrokerRegistrationRequest(
                broker_id=self._node_id,
                cluster_id=self._publisher.image.cluster_id,
                incarnation_id=self._incarnation_id,
                listeners=[Listener(name=name, host=host, port=port) for name, (host, port) in self._endpoints.items()],
                rack=self._config().broker_rack,
                log_dirs=[self._directory_id],
                features=[
                    Feature(name=name, min_supported_version=low, max_supported_version=high)
                    for name, (low, high) in SUPPORTED.items()
                ],
            )
            try:
                answer = await self._channel.send(
                    request,
                    BrokerRegistrationResponse,
                    version=REGISTRATION_VERSION,
                    timeout_ms=REGISTRATION_TIMEOUT_MS,
                )
            except KafkaError as error:
                self._waits(f"it is not registered ({error.message})")
                continue
            self._waiting.is_over(asyncio.get_running_loop().time())
            if not answer.error_code:
                self._broker_epoch = answer.broker_epoch
                return
            if answer.error_code != refused_with:
                refused_with = ErrorCode(answer.error_code)
                logger.warning("the controller refuses this broker: %s; it goes on asking", refused_with.name)
            await self._pause(retry_s)
            retry_s = min(2 * retry_s, REFUSED_RETRY_MAX_S)
            self._heartbeat_now.clear()

    def _waits(self, why: str) -> None:
        self._waiting.goes_on(asyncio.get_running_loop().time(), why)

    async def _heartbeat(self) -> BrokerHeartbeatResponse:
        config = self._config()
        request = BrokerHeartbeatRequest(
            broker_id=self._node_id,
            broker_epoch=self._broker_epoch,
            current_metadata_offset=self._publisher.image.metadata_offset,
            want_shut_down=self._wants_shut_down,
        )
        return await self._channel.send(
            request,
            BrokerHeartbeatResponse,
            version=HEARTBEAT_VERSION,
            timeout_ms=config.broker_session_timeout_ms,
        )
