/** Postmark inbound stream: one flat mail per delivery, and records of the outbound stream. */
import { asHtml, type Facts, type Format, fullName, own, rfcId, withQuote } from './format.ts'

export const postmark: Format = {
  name: 'postmark',
  provider: 'postmark',
  channel: 'email',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    campaign: { outcome: 'ignored', make: (facts) => record('Delivery', facts) },
    answer: { outcome: 'ignored', make: (facts) => record('Delivery', facts) },
    reply: { outcome: 'message', make: (facts) => mail(facts, `Re: ${facts.subject}`, []) },
    out_of_office: { outcome: 'auto_reply', make: outOfOffice },
    opt_out: { outcome: 'opt_out', make: subscriptionChange },
    bounce: { outcome: 'bounce', make: bounce },
  },
  second: {},
  noise: [
    { outcome: 'ignored', make: (facts) => record('Open', facts) },
    { outcome: 'ignored', make: (facts) => record('Click', facts) },
  ],
}

const mailbox = 'reply+ws7f3a@in.northpeak.example'

interface Header {
  Name: string
  Value: string
}

function mail(facts: Facts, subject: string, headers: Header[]) {
  const { ids, message, person, text, at } = facts
  return {
    FromName: fullName(person),
    MessageStream: 'inbound',
    // Addresses keep the case their owner typed.
    From: person.email.replace(/^./, (letter) => letter.toUpperCase()),
    FromFull: { Email: person.email, Name: fullName(person), MailboxHash: '' },
    To: `"${own.name}" <${mailbox}>`,
    ToFull: [{ Email: mailbox, Name: own.name, MailboxHash: 'ws7f3a' }],
    Cc: '',
    CcFull: [],
    Bcc: '',
    BccFull: [],
    OriginalRecipient: mailbox,
    Subject: subject,
    MessageID: ids.uuid(`postmark ${message}`),
    ReplyTo: '',
    MailboxHash: 'ws7f3a',
    Date: at.toUTCString().replace('GMT', '+0000'),
    TextBody: withQuote(facts),
    HtmlBody: asHtml(text),
    StrippedTextReply: facts.quoted ? text : '',
    Tag: '',
    Headers: [
      { Name: 'Received', Value: 'by mail.example ...' },
      { Name: 'X-Spam-Status', Value: 'No' },
      { Name: 'Message-ID', Value: rfcId(facts) },
      ...headers,
    ],
    Attachments: [],
  }
}

function outOfOffice(facts: Facts) {
  return mail({ ...facts, quoted: null }, `Automatic reply: ${facts.subject}`, [
    { Name: 'Auto-Submitted', Value: 'auto-replied' },
    { Name: 'X-Auto-Response-Suppress', Value: 'DR, OOF, AutoReply' },
  ])
}

function record(type: string, { ids, delivery, person, at }: Facts) {
  return {
    RecordType: type,
    MessageID: ids.uuid(`postmark delivery ${delivery}`),
    ServerID: 123456,
    MessageStream: 'outbound',
    Recipient: person.email,
    Tag: '',
    [type === 'Delivery' ? 'DeliveredAt' : 'ReceivedAt']: at.toISOString(),
    Metadata: {},
  }
}

function subscriptionChange(facts: Facts) {
  const { ids, message, person, at } = facts
  return {
    RecordType: 'SubscriptionChange',
    MessageID: ids.uuid(`postmark ${message}`),
    ServerID: 123456,
    MessageStream: 'outbound',
    ChangedAt: at.toISOString(),
    Recipient: person.email,
    Origin: 'Recipient',
    SuppressSending: true,
    SuppressionReason: 'ManualSuppression',
    Tag: '',
    Metadata: {},
  }
}

function bounce({ ids, message, person, subject, at }: Facts) {
  return {
    RecordType: 'Bounce',
    ID: ids.number(`bounce ${message}`),
    Type: 'HardBounce',
    TypeCode: 1,
    Name: 'Hard bounce',
    Tag: '',
    MessageID: ids.uuid(`postmark ${message}`),
    ServerID: 123456,
    MessageStream: 'outbound',
    Description: 'The server was unable to deliver your message (ex: unknown user).',
    Details: 'smtp;550 5.1.1 The email account that you tried to reach does not exist.',
    Email: person.email,
    From: own.email,
    BouncedAt: at.toISOString(),
    DumpAvailable: false,
    Inactive: true,
    CanActivate: true,
    Subject: subject,
  }
}
