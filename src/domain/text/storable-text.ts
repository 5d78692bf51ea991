/** PostgreSQL text takes neither U+0000 nor half an emoji; both occur in real payloads. */
export function storableText(text: string): string {
  const whole = text.includes('\u0000') ? text.replaceAll('\u0000', '') : text
  return whole.isWellFormed() ? whole : whole.toWellFormed()
}
