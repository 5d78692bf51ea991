/** Twilio: form bodies, all values text, no time; the answer is TwiML and names no message. */
import { type Facts, type Format, own } from './format.ts'

export const twilio: Format = {
  name: 'twilio',
  provider: 'twilio',
  channel: 'sms',
  encoding: 'form',
  contentType: 'application/x-www-form-urlencoded',
  payloads: {
    campaign: { outcome: 'ignored', make: (facts) => status('delivered', facts) },
    answer: { outcome: 'ignored', make: (facts) => status('delivered', facts) },
    reply: { outcome: 'message', make: inbound },
    out_of_office: { outcome: 'auto_reply', make: inbound },
    opt_out: {
      outcome: 'opt_out',
      make: (facts) => ({ ...inbound({ ...facts, text: 'STOP' }), OptOutType: 'STOP' }),
    },
  },
  second: {},
  noise: [{ outcome: 'ignored', make: (facts) => status('sent', facts) }],
  externalId: messageSid,
}

const AccountSid = 'AC0051b3a7e400000000000051b3a7e400'

function messageSid({ ids, message }: Facts): string {
  return `SM${ids.hex(`sms ${message}`, 32)}`
}

function inbound(facts: Facts) {
  const sid = messageSid(facts)
  return {
    ToCountry: 'US',
    ToState: 'TX',
    SmsMessageSid: sid,
    NumMedia: '0',
    ToCity: 'AUSTIN',
    FromZip: '',
    SmsSid: sid,
    FromState: '',
    SmsStatus: 'received',
    FromCity: '',
    Body: facts.text,
    FromCountry: 'US',
    To: own.phone,
    MessagingServiceSid: 'MG0051b3a7e400000000000051b3a7e400',
    ToZip: '78701',
    NumSegments: '1',
    MessageSid: sid,
    AccountSid,
    From: facts.person.phone,
    ApiVersion: '2010-04-01',
  }
}

/** About a message of ours. */
function status(name: string, { ids, delivery, person }: Facts) {
  const sid = `SM${ids.hex(`status ${delivery}`, 32)}`
  return {
    SmsSid: sid,
    SmsStatus: name,
    MessageStatus: name,
    To: person.phone,
    MessageSid: sid,
    AccountSid,
    From: own.phone,
    ApiVersion: '2010-04-01',
  }
}
