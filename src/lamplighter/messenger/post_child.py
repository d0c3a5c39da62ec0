"""The process that posts: reads one question from standard input and answers it in JSON.

``{"url": …, "headers": …, "body": …, "seconds": …}`` → ``null`` when the answer was a status of 2xx, else why not.
``"seconds"``: how long the process may take. Two thirds of that are for an answer and one third for a connection.
"""

import json
import signal
import sys

import httpx

_MOST_OF_ANSWER = 300


def main() -> None:
    """Answer one question. The process ends by itself in time, also when its server was killed."""
    question = json.load(sys.stdin)
    signal.alarm(int(question["seconds"]))
    json.dump(_post(question["url"], question["headers"], question["body"], question["seconds"]), sys.stdout)


def _post(url: str, headers: dict[str, str], body: str, seconds: int) -> str | None:
    answer_in, connection_in = max(1, seconds * 2 // 3), max(1, seconds // 3)
    timeout = httpx.Timeout(answer_in, connect=connection_in)
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False) as client,
            client.stream("POST", url, content=body.encode(), headers=headers) as answer,
        ):
            return None if answer.is_success else _refusal(answer)
    except httpx.ConnectTimeout:
        return f"no connection within {connection_in} seconds"
    except httpx.TimeoutException:
        return f"no answer within {answer_in} seconds"
    except httpx.HTTPError as problem:
        return str(problem) or type(problem).__name__


def _refusal(answer: httpx.Response) -> str:
    status = f"it answered {answer.status_code} {answer.reason_phrase}"
    if answer.is_redirect:
        return f"{status}: redirects are not followed, give the address that it leads to"
    said = b""
    for chunk in answer.iter_bytes(_MOST_OF_ANSWER):
        said += chunk
        if len(said) >= _MOST_OF_ANSWER:
            break
    text = " ".join(said[:_MOST_OF_ANSWER].decode(errors="replace").split())
    return f"{status}: {text}" if text else status


if __name__ == "__main__":
    main()
