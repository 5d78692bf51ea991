/**
 * Finds a wish to be left alone in a text. Precise rather than complete: a phrase in a negation, a
 * question or a condition ("don't call me before noon, text me instead") is left to judgement.
 */

/** Longest match shown to people as the reason. */
const PHRASE_CHARACTERS_MAX = 80

const PERSON =
  '(?:me|us|this (?:number|address|e-?mail)|my (?:\\w+ )?(?:number|address|e-?mail|name|phone))'
const LISTS =
  '(?:your|the|this|that|all|any|every|these|those|future|further)\\b[^.!?\\n]{0,30}\\b(?:lists?|listings?|mailings?|databases?|campaigns?|sequences?|cadences?|distributions?|e-?mails?|texts?|messages?|mails?|communications?|contacts?|system|crm|outreach|newsletters?|records)'
const END = '(?=\\s*(?:$|[.!?,;:\\n)]|please|pls|now|immediately|asap|and\\b|thanks|thank you))'

/** Something to be done or ended: a negation before it turns it round. */
const requests = [
  `\\bstop (?:\\w+ly )?(?:texting|calling|phoning|messaging|e-?mailing|mailing|contacting|spamming|harassing|bothering|pestering|writing(?: to)?|reaching out to) ${PERSON}\\b`,
  '\\bstop sending (?:(?:me|us|these|those|your|any|more|out|this) ){0,4}(?:e-?mails?|mails?|texts?|messages?|sms|spam|this|these|stuff)\\b',
  '\\bstop (?:with )?(?:these|those|the|your|all|this) (?:\\w+ )?(?:e-?mails?|texts?|messages?|calls?|spam)\\b',
  `\\b(?:remove|delete|drop|erase|strike|exclude) ${PERSON}(?: (?:off|from|out of) (?:of )?${LISTS}\\b|${END})`,
  `\\b(?:take|get) ${PERSON} off(?: (?:of )?${LISTS}\\b|${END})`,
  `\\b(?:i|we)(?:'d| would)?(?: really| just)?(?: like| want| wish| need)(?: to (?:be|get|come))? off (?:of )?${LISTS}\\b`,
  '\\bdelete my (?:personal )?(?:data|details|information|contact)\\b',
  '\\bunsubscribe (?:me|us|my|this (?:e-?mail|address))\\b',
  // Alone on a line it may be a link in the writer's own footer.
  `(?:\\b(?:please|pls|kindly|just)|[.!?]) ?(?:also )?unsubscribe(?: from ${LISTS}\\b|${END})`,
  `^unsubscribe from ${LISTS}\\b`,
  `\\b(?:i|we)(?:'d| would)?(?: really)?(?: like| want| wish| need| tried| asked)(?: you)? to (?:unsubscribe|opt out|be removed|be taken off)\\b`,
  `\\bhow (?:do|can) (?:i|we) (?:unsubscribe|opt out|get off)(?: (?:of|from) (?:this|your|the|these)\\b|${END})`,
  "\\b(?:opt (?:me|us) out|please opt out|i(?:'m| am) opting out|i opt out)\\b",
  '\\b(?:revoke|withdraw) (?:my |our |all )?consent\\b',
  '\\bput (?:me|us|this number) on (?:your |the |a )?do[- ]not[- ](?:call|contact|text|e-?mail)\\b',
  '\\bplease stop(?=\\s*(?:$|[.!\\n]))',
  '(?:^|[.!?\\n] ?)(?:just )?stop(?: it)?(?=\\s*(?:$|[.!\\n]))',
  '\\bleave (?:me|us) alone\\b',
  '\\blose my (?:number|e-?mail|contact)\\b',
  '\\bcease (?:and desist|all (?:further )?(?:contact|communications?))\\b',
  '\\bno (?:more|further) (?:e-?mails?|texts?|messages?|calls?|contact|communications?)(?=\\s*(?:$|[.!\\n]|please|from you))',
  '\\b(?:nehmen sie mich|nimm mich|streichen sie mich|löschen sie mich) (?:bitte )?(?:aus|von|vom)\\b',
  '\\blöschen sie (?:bitte )?meine daten\\b',
  '\\bkeine (?:weiteren )?(?:e-?mails|nachrichten|anrufe|sms)(?: mehr)?(?=\\s*(?:$|[.!\\n]|bitte|senden|schicken))',
  '\\b(?:désabonnez|désinscrivez|retirez)[- ]moi\\b',
  '\\b(?:d[eé]me|darme|denme|dame) de baja\\b',
  '\\bdejen? de (?:escribirme|llamarme|enviarme|contactarme)\\b',
].map((source) => new RegExp(source, 'gu'))

/** Negated by themselves. */
const prohibitions = [
  `\\b(?:do not|don't|dont|never|no longer) (?:ever )?(?:contact|call|text|e-?mail|mail|message|write(?: to)?|reach out to|bother|spam|solicit) ${PERSON}(?=\\s*(?:$|[.!?,;:\\n)]|again|any ?more|ever|further|about|regarding|with|please|at all|at this|on this|or\\b|and\\b))`,
  "\\b(?:do not|don't|dont) contact(?=\\s*(?:$|[.!\\n]|again|further))",
  '\\bkontaktieren sie (?:mich|uns) (?:bitte )?nicht\\b',
  '\\bne (?:me|nous) (?:contactez|appelez|écrivez|relancez) plus\\b',
  "\\bne m'(?:envoyez|écrivez|appelez) plus\\b",
  '\\bno me (?:contacten?|escriban?|llamen?|envíen?)(?: más| mas)\\b',
].map((source) => new RegExp(source, 'gu'))

const negatedBefore =
  /(?:don't|dont|do not|didn't|did not|not|never|can't|cannot|won't|without|no need|no reason)(?: (?:to|you|please|have|need|want|going|be|just|ever|us|i))*\s?$/
const questionBefore = /\b(?:did|why|when|if|whether)(?: \w+){0,2}\s?$/
const conditionAfter =
  /\binstead\b|\b(?:just|only|but|rather) (?:text|call|e-?mail|message)\b|\b(?:text|call|e-?mail|message|reach|contact|use) (?:me|us|my)\b|\b(?:before|until|till|after) (?!i\b|we\b|you\b|this\b)|\bduring\b|\bwhile i\b|\bunless\b/

const OTHER_WAY =
  "\\blet(?:'s| us) (?:do|have|use|meet|talk|speak|chat|switch|try|set up|hop on|jump on|book|schedule|go with)\\b"
/** Another way to talk, in the same sentence or as the next one. */
const otherWayAfter = new RegExp(`^[^.!?\\n]*[.!?,;:\\s]*(?:please )?${OTHER_WAY}`)
/** Said to somebody who was just quicker: "Stop! I was about to call you". */
const wasAboutTo =
  /\bi(?: was|'m| am) (?:just |literally |actually )?(?:about|going|planning) to (?:call|write|e-?mail|reply|text|message|reach|get back|book|sign|buy|order|ask)\b/

/** `text` is lower-cased with plain quotes and single blanks. Answers the phrase as written. */
export function optOutPhraseIn(text: string): string | null {
  for (const pattern of requests) {
    for (const match of text.matchAll(pattern)) {
      const before = text.slice(Math.max(0, match.index - 40), match.index)
      if (negatedBefore.test(before) || questionBefore.test(before)) continue
      if (!isConditional(text, match)) return shown(match[0])
    }
  }
  for (const pattern of prohibitions) {
    for (const match of text.matchAll(pattern)) {
      const before = text.slice(Math.max(0, match.index - 40), match.index)
      if (!questionBefore.test(before) && !isConditional(text, match)) return shown(match[0])
    }
  }
  return null
}

/** What follows offers another way or time: no wish to end it all. */
function isConditional(text: string, match: RegExpExecArray): boolean {
  const end = match.index + match[0].length
  const after = text.slice(end, end + 80)
  const sentence = after.split(/[.!?\n]/)[0] ?? ''
  if (/\bagain\b/.test(sentence)) return false
  return conditionAfter.test(sentence) || otherWayAfter.test(after) || wasAboutTo.test(after)
}

function shown(phrase: string): string {
  return phrase
    .replace(/^[.!?\s]+/, '')
    .trim()
    .slice(0, PHRASE_CHARACTERS_MAX)
}
