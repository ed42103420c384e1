#!/usr/bin/env python3
"""Usage: mail.py USER PASSWORD PORT DOMAIN COUNT: appends mails of several kinds to the user's INBOX."""
import email.message
import email.utils
import imaplib
import sys
import time

user, password, port, domain, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
imap = imaplib.IMAP4('127.0.0.1', port)
imap.login(user, password)
now = time.time()
for i in range(count):
    mail = email.message.EmailMessage()
    mail['From'] = 'Sender %d <sender%d@%s>' % (i % 9, i % 9, domain)
    mail['To'] = '%s@%s' % (user, domain)
    mail['Subject'] = 'Seed message %d – größer' % i
    mail['Date'] = email.utils.formatdate(now - i * 3600)
    mail['Message-ID'] = '<seed-%s-%d@%s>' % (user, i, domain)
    mail.set_content('Plain body of message %d\nwith a second line: žluťoučký kůň\n' % i)
    if i % 2:
        mail.add_alternative('<html><body><p>HTML body of <b>message %d</b></p></body></html>' % i, subtype='html')
    if i % 3 == 0:
        mail.add_attachment(bytes(range(256)) * 40, maintype='application', subtype='octet-stream', filename='data-%d.bin' % i)
    if i % 7 == 3:
        mail.add_attachment('attachment text ü\n', subtype='plain', filename='größe.txt')
    imap.append('INBOX', '(\\Seen)' if i % 4 == 0 else None, imaplib.Time2Internaldate(now - i * 3600), mail.as_bytes())
imap.logout()
print('%s mails: %d' % (user, count))
