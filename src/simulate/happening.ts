/** One webhook of the stream, before it has ids, addresses and a clock. */
import type { FormatName, Occasion, Outcome } from './payloads/format.ts'

export interface Happening {
  id: number
  atMs: number
  /** Index of the persona. */
  person: number
  format: FormatName
  script: string
  occasion: Occasion | 'noise'
  /** Names the message; a second event about it has the same number. */
  message: number
  text: string
  subject: string
  /** Id of our happening that this one answers. */
  answers: number | null
  outcome: Outcome
  /** `second` tells the message again as another event · `again` repeats the bytes of `original`. */
  as: 'first' | 'second' | 'again'
  original: number | null
  /** Which of the format's noises. */
  variant: number
}
