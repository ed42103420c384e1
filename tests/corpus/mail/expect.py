#!/usr/bin/env python3
"""Writes what Python's own email library reads in the mails of eml/ to expected.json: an opinion that is independent of ours."""

import email
import email.policy
import email.utils
import hashlib
import json
import os
import sys
from email.header import decode_header, make_header

HERE = os.path.dirname(os.path.abspath(__file__))


def words(value):
    """A header value with its encoded words decoded; broken bytes as U+FFFD."""
    value = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        text = str(make_header(decode_header(value)))
    except Exception:  # the library raises many kinds for broken words
        text = value
    return " ".join(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())


def addresses(message, name):
    try:
        values = [str(v) for v in message.get_all(name, [])]
        return [[words(n), a] for n, a in email.utils.getaddresses(values) if n or a]
    except Exception:
        return None


def sections(message, number=""):
    """Leaves and embedded messages with IMAP's section numbers."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for at, child in enumerate(message.get_payload(), 1):
            yield from below(child, f"{number}.{at}" if number else str(at))
    else:
        yield from below(message, f"{number}.1" if number else "1")


def below(part, number):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for at, child in enumerate(part.get_payload(), 1):
            yield from below(child, f"{number}.{at}")
        return
    yield number, part
    if part.get_content_type() == "message/rfc822" and part.is_multipart():
        yield from sections(part.get_payload(0), number)


def described(number, part):
    out = {"section": number, "kind": part.get_content_type()}
    try:
        name = part.get_filename() or ""
    except Exception:
        name = None
    out["name"] = words(name) if name is not None else None
    if part.is_multipart():
        return out
    content = part.get_payload(decode=True) or b""
    out["size"] = len(content)
    out["sha256"] = hashlib.sha256(content).hexdigest()
    if part.get_content_maintype() == "text":
        charset = part.get_content_charset() or "us-ascii"
        try:
            out["text"] = "\n".join(content.decode(charset).splitlines())
        except (LookupError, UnicodeDecodeError):
            out["text"] = None
    return out


def body(message, kind):
    try:
        part = message.get_body((kind,))
    except Exception:
        return None
    for number, known in sections(message):
        if known is part:
            return number
    return ""


def read(raw):
    message = email.message_from_bytes(raw)
    modern = email.message_from_bytes(raw, policy=email.policy.default)
    date = None
    try:
        date = int(email.utils.parsedate_to_datetime(message["Date"]).timestamp())
    except Exception:
        pass
    return {
        "subject": words(message["Subject"] or ""),
        "from": addresses(message, "From"),
        "to": addresses(message, "To"),
        "cc": addresses(message, "Cc"),
        "date": date,
        "parts": [described(number, part) for number, part in sections(message)],
        "plain": body(modern, "plain"),
        "html": body(modern, "html"),
    }


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "eml")
    out = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as file:
            out[name.removesuffix(".eml")] = read(file.read())
    text = json.dumps(out, ensure_ascii=True, indent=0, sort_keys=True) + "\n"
    if len(sys.argv) > 1:
        sys.stdout.write(text)
    else:
        with open(os.path.join(HERE, "expected.json"), "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
