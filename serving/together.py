"""Questions that wait at the same moment are answered together, by one thread.

Most of what a score costs is the start of each step: a statement of the store, a compiled call, a transaction of the
prediction log. Thirty leads in one go cost a tenth of thirty leads one by one. So whoever asks while the thread is at
work waits for it to come back, and all who wait then are answered in one go. Nobody waits for company: a question that
comes alone is answered alone, at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

MOST = 64
"""Questions answered in one go; what waits beyond them comes next."""


class Together(Generic[Asked, Answered]):
    """One thread that answers, for the coroutines of one event loop.

    work : gives the answers to some questions, in their order; where it raises, each is asked of it alone, so that one
           question cannot spoil the answers to others
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answered]], most: int = MOST) -> None:
        self._work = work
        self._most = most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="together")
        self._waiting: list[tuple[Asked, asyncio.Future[Answered]]] = []
        self._at_work: asyncio.Task[None] | None = None

    async def ask(self, question: Asked) -> Answered:
        """The answer, or what `work` raises for this question."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._waiting.append((question, answer))
        if self._at_work is None or self._at_work.done():
            self._at_work = loop.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            part, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            part = [one for one in part if not one[1].done()]  # who has gone away meanwhile wants no answer
            found = await loop.run_in_executor(self._thread, self._answered, [question for question, _ in part])
            for (_, answer), one in zip(part, found, strict=True):
                if answer.done():
                    continue
                if isinstance(one, Exception):
                    answer.set_exception(one)
                else:
                    answer.set_result(one)

    def _answered(self, questions: list[Asked]) -> Sequence[Answered | Exception]:
        try:
            return self._work(questions) if questions else []
        except Exception as error:
            if len(questions) == 1:
                return [error]
        return [answer for question in questions for answer in self._answered([question])]
