/**
 * Invented ids in the shapes providers use. They depend on seed and nonce and never on the random
 * stream, so a new nonce changes who the people are and nothing of who says what when.
 */
import { createHash } from 'node:crypto'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export interface Ids {
  /** At most 64 digits. */
  hex(label: string, length: number): string
  /** Letters and digits; at most 32. */
  text(label: string, length: number): string
  /** Below 2^48: exact as a JSON number. */
  number(label: string): number
  /** In the form of version 7. */
  uuid(label: string): string
}

export function createIds(seed: number, nonce: string): Ids {
  const digest = (label: string) => createHash('sha256').update(`${seed} ${nonce} ${label}`)
  const hex = (label: string, length: number) => digest(label).digest('hex').slice(0, length)
  return {
    hex,
    text: (label, length) =>
      [...digest(label).digest().subarray(0, length)]
        .map((byte) => LETTERS[byte % LETTERS.length])
        .join(''),
    number: (label) => Number.parseInt(hex(label, 12), 16),
    uuid: (label) =>
      hex(label, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-7$3-8$4-$5'),
  }
}
