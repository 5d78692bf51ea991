/** Message rules: what is certainly a wish to stop or a machine, and what must stay a message. */
import * as assert from 'uvu/assert'
import {
  type Classification,
  classifyMessage,
  isOutOfOffice,
  type RuleInput,
} from '../../src/domain/message-rules.ts'
import { suite } from '../support/suite.ts'

const test = suite('message rules')

function classify(body: string | null, change: Partial<RuleInput> = {}): Classification {
  return classifyMessage({
    channel: 'email',
    direction: 'inbound',
    kind: 'text',
    subject: null,
    body,
    signals: {},
    ...change,
  })
}

function assertKind(kind: string, bodies: string[], change: Partial<RuleInput> = {}): void {
  for (const body of bodies) assert.is(classify(body, change).kind, kind, body)
}

const sms = { channel: 'sms' } as const

test('an SMS that is one keyword is an opt-out, however it is written', () => {
  assertKind(
    'opt_out',
    [
      ...['STOP', 'stop', ' Stop. ', 'STOP!!!', 'Stop 🛑', '"STOP"', 'ＳＴＯＰ', 'STOP\n', 'stop?'],
      ...['StopAll', 'stop  all', 'UNSUBSCRIBE', 'Cancel', 'end', 'Quit.', 'revoke', 'OptOut'],
      ...['opt out', 'Opt-out', 'ARRÊT', 'arret', 'remove', 'TD', 'Please stop', 'stop please!'],
    ],
    sms,
  )
  assert.is(classify('Stop. ', sms).reason, 'SMS keyword STOP')
})

test('START and UNSTOP opt in by SMS only; YES is an answer', () => {
  assert.equal(classify('Unstop', sms), { kind: 'opt_in', reason: 'SMS keyword UNSTOP' })
  assertKind('opt_in', ['START', 'start!'], sms)
  assertKind('text', ['YES', 'yes', 'Y', 'ok', '👍', 'HELP', 'info', ''], sms)
  assert.is(classify('start').kind, 'text')
})

test('keywords inside a sentence are no keywords', () => {
  const sentences = [
    'stop by Tuesday',
    'I can do end of month',
    'cancel my other vendor first',
    'I quit my last tool',
    'Please do not stop now, this is great',
    'We never stop learning',
    'The remove button is broken',
    'full stop.',
    'Can you stop by tomorrow?',
    "I can't stop thinking about it",
  ]
  assertKind('text', sentences, sms)
  assertKind('text', sentences)
})

test('by mail, words that only SMS carriers know are ordinary answers', () => {
  assertKind('text', ['cancel', 'End', 'quit', 'TD', 'start'])
})

test('a mail that says only one clear word is an opt-out', () => {
  assertKind('opt_out', [
    ...['unsubscribe', 'Unsubscribe.', 'UNSUBSCRIBE please', 'Please unsubscribe', 'remove me'],
    ...['Remove', 'stop', 'STOP!', 'Opt out', 'opt-out, thanks', 'take me off', 'désabonner'],
    ...['Abmelden', 'unsubscribe\n\nDana Whit\nVP Operations', 'Hi Sam,\n\nStop.\n\nDana'],
  ])
  assert.is(classify('Stop\n\nDana').reason, 'Message says "stop"')
})

test('a keyword over a signature is an opt-out on every channel, over more text it is not', () => {
  for (const channel of ['email', 'sms', 'linkedin', 'smartlead', 'instantly'] as const) {
    assertKind('opt_out', ['Stop\n- Dana, Harlow Freight', 'Remove me\n\nSent from my iPhone'], {
      channel,
    })
    assertKind('text', ['Stop!\nI was about to call you', 'Remove\nDoes it scale that way?'], {
      channel,
    })
  }
})

test('an unsubscribe link in a footer of the writer is no wish', () => {
  assertKind('text', [
    'Thursday works.\n\nHarlow Freight\nUnsubscribe',
    'Sure!\n\nTo unsubscribe from our newsletter click here.',
    'Yes. If you would like to unsubscribe, reply STOP to this message.',
    'How many users unsubscribe from your list each month?',
    'Could you unsubscribe users automatically?',
  ])
})

test('phrases that ask to stop are found on all channels, with the phrase as reason', () => {
  const phrases = [
    'Please stop texting me',
    'STOP CALLING ME!!',
    'not interested stop texting me',
    'No stop messaging me',
    'Would you kindly stop emailing us.',
    'Stop sending me these emails',
    'stop with the emails',
    'Not interested. Please stop.',
    'Not interested, stop. Stop.',
    'Remove me from your list',
    'please remove my number from your database',
    'Take me off your list please',
    'take me off this mailing list',
    'Can you take me off the list?',
    'Hi, please remove me. Thanks',
    'Do not contact me again',
    'Don’t text me',
    'dont ever call us again',
    "I'm not interested do not contact me",
    'Do not contact again.',
    'put me on your do not call list',
    'unsubscribe me from everything',
    'We already have a vendor, please unsubscribe.',
    'No thanks. Unsubscribe.',
    'Unsubscribe from all emails',
    'I would like to unsubscribe',
    'How do I unsubscribe from this?',
    'I want you to stop contacting me',
    'I want off this list',
    'We would like to be off your mailing list',
    'No more calls please.',
    'Stop. You have been calling all week',
    'Stop emailing me about your meeting tool',
    'opt me out',
    'I revoke my consent',
    'Lose my number',
    'leave me alone',
    'No more emails please',
    'Delete my data',
    'Bitte nehmen Sie mich aus dem Verteiler',
    'Bitte keine weiteren E-Mails mehr.',
    'Désabonnez-moi',
    'Ne me contactez plus',
    'Por favor, dejen de escribirme',
    'No me escriban más',
  ]
  for (const channel of ['email', 'sms', 'linkedin', 'smartlead', 'instantly'] as const) {
    assertKind('opt_out', phrases, { channel })
  }
  assert.is(classify('Hi. Please stop texting me now').reason, 'Asks to stop: "stop texting me"')
})

test('negations, conditions, questions and other matters are left to judgement', () => {
  assertKind('text', [
    "Please don't remove me from the list",
    'I do not want you to unsubscribe me',
    'No need to unsubscribe me, I am interested',
    "Don't stop texting me lol",
    'Why did you stop emailing me?',
    'If you stop calling me at dinner we can talk',
    "Please don't call me before 9am",
    'Do not call me, text me instead',
    'Stop calling me and just text me',
    "Don't email me the contract, send it by post",
    'No more calls please, let us do a Zoom',
    "No more emails please. Let's talk on the phone",
    'Stop! I was about to call you',
    'I want off-site training for 40 people',
    'Remove me from the invite, Jo will join',
    'Take me off speaker',
    'Can this get us off the ground faster?',
    'Not interested',
    'Wrong person, talk to Jo',
    'no more questions',
    'Let us stop sending files by fax',
  ])
})

test('a subject asking to unsubscribe counts when the mail is nearly empty', () => {
  for (const subject of ['unsubscribe', 'Unsubscribe', 'Unsubscribe: token=a.b-c', 'Remove me']) {
    assert.equal(classify('', { subject }), { kind: 'opt_out', reason: 'Subject "unsubscribe"' })
    assert.is(classify(null, { subject }).kind, 'opt_out')
  }
  const long = 'Your unsubscribe page looks broken, we could fix that for you.'
  assert.is(classify(long, { subject: 'unsubscribe' }).kind, 'text')
  assert.is(classify('', { subject: 'Re: unsubscribe rates' }).kind, 'text')
  assert.is(classify('', { subject: 'unsubscribe rates are high' }).kind, 'text')
  assert.is(classify('', { subject: 'unsubscribe', channel: 'linkedin' }).kind, 'text')
})

test('what the provider declared wins over the text', () => {
  assert.equal(classify('STOP', { kind: 'auto_reply' }), {
    kind: 'auto_reply',
    reason: 'Automatic reply',
  })
  assert.is(classify('Yes!', { kind: 'opt_out' }).kind, 'opt_out')
  assert.is(classify('STOP', { kind: 'opt_in', ...sms }).kind, 'opt_in')
  assert.is(classify('unsubscribe', { kind: 'bounce' }).kind, 'bounce')
  const reasons = (['auto_reply', 'opt_out', 'opt_in', 'bounce'] as const).map(
    (kind) => classify(null, { kind }).reason,
  )
  assert.is(reasons.filter(Boolean).length, 4)
})

test('our own messages are never judged', () => {
  assert.equal(classify('Reply STOP to opt out. Stop.', { ...sms, direction: 'outbound' }), {
    kind: 'text',
    reason: null,
  })
})

test('an automatic answer needs two signs', () => {
  const away = 'I am out of the office until Jan 19.'
  assertKind('text', [
    away,
    "I'm on vacation until the 19th, let's talk then!",
    'I have limited access to email, call me',
    "I'm out of the office, if it is urgent call me",
    'In urgent cases we call our supplier. What do you charge?',
  ])
  assert.is(classify('Thanks', { subject: 'Automatic reply: Hi' }).kind, 'text')
  assert.is(classify('Thanks', { signals: { autoReplyHint: true } }).kind, 'text')
  assertKind('auto_reply', [
    `${away} For urgent matters contact ops@orbit.example.`,
    'I am on annual leave with limited access to my emails',
    'Thank you, we have received your message. This is an automated response.',
    'Ich bin abwesend. In dringenden Fällen: urgent, please contact ops@orbit.example',
  ])
  assert.is(classify(away, { subject: 'Automatic reply: Hi' }).kind, 'auto_reply')
  assert.is(classify(away, { signals: { autoReplyHint: true } }).reason, 'Out of office')
  const prefixes = [
    'Automatische Antwort: x',
    'Réponse automatique : x',
    'Out of Office: x',
    'Auto: x',
  ]
  for (const subject of prefixes) {
    assert.is(
      classify('Hi', { subject, signals: { autoReplyHint: true } }).kind,
      'auto_reply',
      subject,
    )
  }
})

test('the footer of an automatic answer is not an opt-out', () => {
  const body =
    'I am out of the office. Please unsubscribe me from newsletters, no more emails please'
  assert.is(classify(body, { subject: 'Automatic reply: Hi' }).kind, 'auto_reply')
})

test('newsletters are machines, whatever they say', () => {
  assert.equal(classify('Please unsubscribe', { signals: { bulk: true } }), {
    kind: 'auto_reply',
    reason: 'Newsletter or mailing list',
  })
})

test('absence is told from other automatic answers', () => {
  for (const text of [
    'Automatic reply: I am out of office until Jan 19',
    'OOO this week',
    'On parental leave',
    'Ich bin im Urlaub',
    'Je suis en congé',
    'Estoy fuera de la oficina',
  ]) {
    assert.is(isOutOfOffice(text), true, text)
  }
  for (const text of ['We received your message', 'Dana no longer works here', '', 'our office']) {
    assert.is(isOutOfOffice(text), false, text)
  }
})

test('messages without text are messages', () => {
  assert.equal(classify(null), { kind: 'text', reason: null })
  assert.equal(classify(''), { kind: 'text', reason: null })
})

test('long texts are judged in bounded time', () => {
  for (const piece of [
    'stop ',
    'please ',
    "don't ",
    'remove me from your ',
    'unsubscribe ',
    '. ',
    'i want to ',
  ]) {
    const start = performance.now()
    classify(piece.repeat(1e6 / piece.length))
    assert.ok(performance.now() - start < 2000, piece)
  }
})

test.run()
