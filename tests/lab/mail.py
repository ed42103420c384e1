#!/usr/bin/env python3
"""Usage: mail.py MAILDIR USER DOMAIN COUNT [FOLDER]
Puts messages of several kinds straight into a folder of Dovecot's Maildir, some thousands in a second; Dovecot numbers them when the
folder is looked at next. The newest is a minute old, each further one an hour older. Every fourth is read. Of more than 20,000 all
are short."""
import email.generator
import email.message
import email.utils
import io
import os
import shutil
import sys
import time

MARK = 'SEED-NUMBER'
WORDS = ('The quick brown fox jumps over the lazy dog while the meeting about the new building is moved to the larger room '
         'because nobody has remembered who ordered the coffee, which – as always – costs 3,50 € a head').split()


def text(length, start):
    """Some sentences of that many characters, in lines of at most 72."""
    out, line, i = [], '', start
    while sum(map(len, out)) < length:
        word = WORDS[i % len(WORDS)]
        i += 1
        if len(line) + len(word) > 71:
            out.append(line)
            line = ''
        line += (' ' if line else '') + word
    return '\n'.join(out + [line]) + '\n'


def html(length, start):
    rows = ''.join('<tr><td style="padding:4px 8px;font-family:Arial,sans-serif;color:#333">%s</td></tr>\n' % line
                   for line in text(length, start).split('\n'))
    return ('<html><head><style>td { font-size: 14px }</style></head><body bgcolor="#ffffff"><h1>News of message %s</h1>'
            '<table width="600" cellpadding="0">%s</table><p><a href="https://example.test/unsubscribe?u=1">Unsubscribe</a></p>'
            '</body></html>' % (MARK, rows))


def shape(kind, user, domain):
    """One message; where its number belongs it says MARK."""
    mail = email.message.EmailMessage()
    mail['Received'] = 'from mx.%s (mx.%s [192.0.2.7]) by mail.%s with ESMTPS id 4XyZ%s for <%s@%s>; Mon, 2 Nov 2026 08:00:00 +0000' % (
        domain, domain, domain, MARK, user, domain)
    mail['From'] = 'Sender %d <sender%d@%s>' % (kind, kind, domain)
    mail['To'] = '%s@%s' % (user, domain)
    if kind % 3 == 1:
        mail['Cc'] = ', '.join('Größe %d <cc%d@%s>' % (i, i, domain) for i in range(kind))
    mail['Message-ID'] = '<seed-%s-%s@%s>' % (user, MARK, domain)
    if kind in (2, 5, 8):
        mail['Subject'] = 'Re: Seed message %s' % MARK
        mail['In-Reply-To'] = '<thread-%d@%s>' % (kind, domain)
        mail['References'] = '<root-%d@%s> <thread-%d@%s>' % (kind, domain, kind, domain)
    else:
        mail['Subject'] = 'Seed message %s – größer' % MARK if kind % 2 else 'Seed message %s' % MARK
    if kind in (0, 4):
        mail.set_content(text(600, kind) + MARK + '\n')
    elif kind == 2:
        mail.set_content(text(400, kind).replace('€', 'Euro').replace('–', '-') + 'Grüße ' + MARK + '\n', charset='iso-8859-1')
    elif kind == 8:
        mail.set_content(text(12000, kind) + MARK + '\n')
    else:
        mail.set_content('Plain body of message %s\n%s' % (MARK, text(1500, kind)))
        mail.add_alternative(html(6000 if kind % 2 else 24000, kind), subtype='html')
    if kind == 3:
        mail.get_payload()[1].add_related(bytes(range(256)) * 60, 'image', 'png', cid='<image-%d@%s>' % (kind, domain))
    if kind in (4, 7):
        mail.add_attachment(bytes(range(256)) * (20 * kind), maintype='application', subtype='pdf', filename='Bericht größer %d.pdf' % kind)
    if kind == 5:
        mail.add_attachment('attachment text ü\n', subtype='plain', filename='größe.txt')
    out = io.BytesIO()
    email.generator.BytesGenerator(out, policy=mail.policy).flatten(mail)
    return out.getvalue()


def main():
    maildir, user, domain, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    folder = sys.argv[5] if len(sys.argv) > 5 else 'INBOX'
    into = maildir if folder == 'INBOX' else os.path.join(maildir, '.' + folder.replace('/', '.'))
    made = [d for d in (maildir, into) if not os.path.isdir(d)]
    for name in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(into, name), exist_ok=True)
    if into != maildir:
        open(os.path.join(into, 'maildirfolder'), 'a').close()
    shapes = [shape(kind, user, domain) for kind in ((0, 2) if count > 20000 else range(10))]
    now = time.time() - 60
    for i in range(count):
        when = now - (count - 1 - i) * 3600
        head = b'Date: %s\n' % email.utils.formatdate(when).encode()
        name = os.path.join(into, 'cur', '%d.S%dP%d.seed:2,%s' % (when, i, os.getpid(), 'S' if i % 4 == 0 else ''))
        with open(name, 'wb') as f:
            f.write(head + shapes[i % len(shapes)].replace(MARK.encode(), b'%d' % i))
        os.utime(name, (when, when))
        shutil.chown(name, 'mail', 'mail')
    own = [os.path.join(into, name) for name in ('cur', 'new', 'tmp', 'maildirfolder')]
    for path in made + [path for path in own if os.path.exists(path)]:
        shutil.chown(path, 'mail', 'mail')
    print('%s %s: %d mails' % (user, folder, count))


main()
