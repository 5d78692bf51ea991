/** PostgreSQL text takes neither U+0000 nor half an emoji; both occur in real payloads. */
export function storableText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed()
}
