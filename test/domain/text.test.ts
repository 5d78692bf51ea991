/** Texts of mails: HTML to plain text, invisible characters, quoted threads and signatures. */
import * as assert from 'uvu/assert'
import { htmlToPlainText, subjectOf, tidyText } from '../../src/domain/text/plain-text.ts'
import { newTextOf, stripQuotedThread } from '../../src/domain/text/quoted-thread.ts'
import { suite } from '../support/suite.ts'

const test = suite('text')
/** Bodies of a megabyte are read inside a request; a quadratic rule takes minutes. */
const MEGABYTE_MS = 3000

test('tidying joins blanks, line ends and empty lines, and keeps paragraphs', () => {
  assert.is(tidyText(' a \t b\u00a0c \r\n\r\n\r\n\r\nd\re\u2028f  '), 'a b c\n\nd\ne\nf')
})

test('characters nobody can see are removed, joined emoji and scripts stay', () => {
  assert.is(tidyText('un\u200bsub\u00adscribe\u202e \u0007me\ufeff'), 'unsubscribe me')
  assert.is(tidyText('hi\u{E0041}\u{E0042} there'), 'hi there')
  assert.is(tidyText('\u200c \u200c \u200c text'), 'text')
  assert.is(tidyText('👩\u200d💻 می\u200cخواهم'), '👩\u200d💻 می\u200cخواهم')
})

test('HTML becomes what a reader sees', () => {
  const html = `<html><head><style>p{color:red}</style><title>t</title></head><body>
    <!-- hidden --><h1>Hi Sam</h1><p>Yes,&nbsp;<a href="https://x.example/track">Thursday</a> works
    &amp; so does Friday.</p><img src="x" alt="pixel"><ul><li>one</li><li>two</li></ul>
    <table><tr><td>A</td><td>B</td></tr><tr><td>C</td></tr></table><p>Bye<br>Dana</p></body></html>`
  assert.is(
    htmlToPlainText(html),
    'Hi Sam\n\nYes, Thursday works & so does Friday.\n\n* one\n* two\n\nA B\nC\n\nBye\nDana',
  )
})

test('HTML quotes are marked, or left out where asked', () => {
  const html = '<div>Yes</div><blockquote>Shall we?</blockquote>'
  assert.is(htmlToPlainText(html), 'Yes\n\n> Shall we?')
  assert.is(htmlToPlainText(html, { quotes: false }), 'Yes')
})

test('broken and hostile HTML is answered with text, not an exception', () => {
  assert.is(htmlToPlainText('<p>a<b>b</p>c</i><'), 'ab\n\nc<')
  assert.is(htmlToPlainText(''), '')
  assert.is(htmlToPlainText('<!-- never closed'), '')
  for (const piece of ['<div>', '<!--', '<style>', '<blockquote>', '<table><tr><td>', '<', '&#']) {
    const start = performance.now()
    htmlToPlainText(piece.repeat(1e6 / piece.length))
    assert.ok(performance.now() - start < MEGABYTE_MS, piece)
  }
})

test('a huge style sheet in front does not push the text out of the bound', () => {
  assert.is(htmlToPlainText(`<style>${'a{b:c}'.repeat(100_000)}</style><p>Yes</p>`), 'Yes')
})

test('a subject is one bounded line', () => {
  assert.is(subjectOf(' Re:\r\n pricing\u200b '), 'Re: pricing')
  assert.is(subjectOf('x'.repeat(1e6))?.length, 500)
  assert.is(subjectOf(' '), null)
  assert.is(subjectOf(null), null)
})

const threads: [string, string][] = [
  ['Gmail', 'On Mon, Jan 5, 2026 at 9:12 AM Sam Reed <sam@x.example> wrote:\n> Hi'],
  ['Gmail, wrapped', 'On Mon, Jan 5, 2026 at 9:12 AM Sam Reed\n<sam@x.example>\nwrote:\n\n> Hi'],
  ['Yahoo, unmarked', 'On Monday, January 5, 2026 at 09:12:15 AM EST, Sam wrote: \nHi\nthere'],
  ['Apple', 'On 5 Jan 2026, at 09:12, Sam Reed <sam@x.example> wrote:\n\n> Hi'],
  ['Apple, forwarded', 'Begin forwarded message:\n\nFrom: Sam'],
  ['address only', 'Sam Reed <sam@x.example> wrote:\n> Hi'],
  ['old Gmail', '2026-01-05 9:12 GMT+01:00 Sam Reed <sam@x.example>:\n> Hi'],
  ['Japanese Gmail', '2026年1月5日(月) 9:12 Sam Reed <sam@x.example>:\n> Hi'],
  ['German', 'Am 05.01.2026 um 09:12 schrieb Sam Reed <sam@x.example>:\n> Hallo'],
  [
    'German, wrapped',
    'Am Mo., 5. Jan. 2026 um 09:12 Uhr schrieb Sam Reed\n<sam@x.example>:\n\n> Hallo',
  ],
  ['French', 'Le lun. 5 janv. 2026 à 09:12, Sam Reed <sam@x.example> a écrit :\n> Bonjour'],
  ['Spanish', 'El lun, 5 ene 2026 a las 9:12, Sam Reed (<sam@x.example>) escribió:\n> Hola'],
  ['Dutch', 'Op ma 5 jan 2026 om 09:12 schreef Sam Reed <sam@x.example>:\n> Hoi'],
  ['Outlook', 'From: Sam Reed\nSent: Monday, January 5, 2026 9:12 AM\nTo: Dana\nSubject: Hi\n\nHi'],
  ['Outlook, bold', '*From:* Sam <s@x.example>\n*Sent:* Monday\n*To:* Dana\n*Subject:* Hi\n\nHi'],
  ['Outlook, line', '________________________________\nFrom: Sam\nDate: Monday\nSubject: Hi\n\nHi'],
  [
    'Outlook, German',
    'Von: Sam Reed\nGesendet: Montag, 5. Januar 2026\nAn: Dana\nBetreff: Hi\n\nHi',
  ],
  ['Outlook, French', 'De : Sam Reed\nEnvoyé : lundi 5 janvier\nÀ : Dana\nObjet : Hi\n\nHi'],
  ['Outlook, Spanish', 'De: Sam Reed\nEnviado el: lunes\nPara: Dana\nAsunto: Hi\n\nHi'],
  ['original', '-----Original Message-----\nFrom: Sam\n\nHi'],
  ['original, German', '-----Ursprüngliche Nachricht-----\nVon: Sam\n\nHi'],
  ['original, French', '----- Message d’origine -----\nHi'],
  ['forwarded', '---------- Forwarded message ---------\nFrom: Sam\n\nHi'],
  ['marked lines only', '> Hi\n>> there\n>'],
]
for (const [name, thread] of threads) {
  test(`the thread below an answer goes: ${name}`, () => {
    assert.is(stripQuotedThread(`Sure, Thursday.\n\n${thread}`), 'Sure, Thursday.')
    assert.is(stripQuotedThread(`Sure.\r\n\r\n${thread.replaceAll('\n', '\r\n')}`), 'Sure.')
  })
}

test('a thread flattened into one line is cut where it starts', () => {
  assert.is(
    stripQuotedThread('Sure. On Mon, Jan 5, 2026 at 9:12 AM Sam <s@x.example> wrote: > Hi'),
    'Sure.',
  )
})

test('answers below and between the quoted lines are kept', () => {
  const text =
    'On Mon, Jan 5, 2026 Sam <s@x.example> wrote:\n> Budget?\n\n10k\n\n> When?\n\nMay\n-- \nDana'
  assert.is(stripQuotedThread(text), '10k\n\nMay')
})

test('the wrapped rest of a quoted line is no answer', () => {
  const quoted = '> If you would rather not hear from me again, then simply reply with the word'
  assert.is(stripQuotedThread(`Sure.\n\n${quoted}\nunsubscribe\n> Sam`), 'Sure.')
})

test('sentences that look a little like headers are kept', () => {
  for (const text of [
    'On the website you wrote:\nfree trial. Is it?',
    'From: what I read, it is good.\nTo me it looks fine.',
    'On Monday 5 we talk. You wrote: call me.',
    '>50 seats would be fine',
    'Options:\n-- basic\n-- pro',
    'Sent from my side: all good, please send the long contract today '.repeat(2).trim(),
  ]) {
    assert.is(stripQuotedThread(text), text)
  }
})

test('signature blocks and device lines go', () => {
  for (const end of [
    '-- \nDana Whit\nVP Operations',
    '--\nDana',
    'Sent from my iPhone',
    'Get Outlook for iOS',
    'Von meinem iPhone gesendet',
    'Envoyé de mon iPhone',
    'Enviado desde mi iPhone',
  ]) {
    assert.is(stripQuotedThread(`Sure.\n\n${end}`), 'Sure.', end)
    assert.is(stripQuotedThread(`Sure.\n\n${end}\n\n> Hi`), 'Sure.', end)
  }
})

test('a text of nothing but a signature is kept, of nothing but quotes is empty', () => {
  assert.is(stripQuotedThread('Sent from my iPhone'), 'Sent from my iPhone')
  assert.is(stripQuotedThread('\n-- \nDana'), '--\nDana')
  assert.is(stripQuotedThread('> Hi\n> Dana'), '')
  assert.is(stripQuotedThread(threads[0]?.[1] ?? ''), '')
  assert.is(stripQuotedThread(' \r\n '), '')
})

test('a long text after a delimiter is content, no signature', () => {
  const rest = Array.from({ length: 40 }, (_, line) => `line ${line}`).join('\n')
  assert.is(stripQuotedThread(`Intro\n--\n${rest}`), `Intro\n--\n${rest}`)
})

test('a megabyte of anything is read in bounded time', () => {
  for (const piece of [
    '>',
    '\n',
    ' \n',
    'On 1 \n',
    'On 1 wrote ',
    'On 1 x wrote:\n>y\n',
    'From: a\n',
    '-- \n',
    '<a@',
    ' wrote:',
    '\u200c',
    `${'-'.repeat(300)}\n`,
  ]) {
    const start = performance.now()
    const body = stripQuotedThread(piece.repeat(1e6 / piece.length))
    assert.ok(performance.now() - start < MEGABYTE_MS, JSON.stringify(piece))
    assert.ok(body.length <= 100_000)
  }
})

test('the text part is preferred, HTML is the fallback', () => {
  assert.is(newTextOf({ text: 'text', html: '<p>html</p>' }), 'text')
  assert.is(newTextOf({ text: ' ', html: '<p>html</p>' }), 'html')
  assert.is(newTextOf({ text: '> quote', html: '<p>html</p>' }), 'html')
  assert.is(newTextOf({ text: null, html: null }), '')
  assert.is(newTextOf({}), '')
})

test('quote containers of HTML mail go, with their attribution', () => {
  const gmail =
    '<div dir="ltr">Yes</div><br><div class="gmail_quote gmail_quote_container"><div class="gmail_attr">On Mon, Jan 5, 2026 Sam wrote:<br></div><blockquote>Hi</blockquote></div>'
  assert.is(newTextOf({ html: gmail }), 'Yes')
  const outlook =
    '<p>Yes</p><hr><div id="divRplyFwdMsg"><b>From:</b> Sam<br><b>Sent:</b> Monday<br><b>To:</b> Dana<br></div><p>Hi</p>'
  assert.is(newTextOf({ html: outlook }), 'Yes')
})

test('an answer that a mailer put into a quote container is not lost', () => {
  const html = '<div class="gmail_quote"><p>Yes, inside</p><blockquote>Hi</blockquote></div>'
  assert.is(newTextOf({ html }), 'Yes, inside')
})

test.run()
