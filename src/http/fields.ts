/** Field schemas that every resource shares: texts the database takes, ids, times. */
import { z } from 'zod'
import { storableText } from '../domain/text/storable-text.ts'

/** Trimmed text of at least one character. */
export function text(charactersMax: number) {
  return z
    .string('takes a text')
    .overwrite((value) => storableText(value).trim())
    .min(1, 'takes a text that is not empty')
    .max(charactersMax, `takes at most ${charactersMax.toLocaleString('en-US')} characters`)
}

/** Text that may be absent; '' is absent too. */
export function optionalText(charactersMax: number) {
  return z
    .string('takes a text or null')
    .overwrite((value) => storableText(value).trim())
    .max(charactersMax, `takes at most ${charactersMax.toLocaleString('en-US')} characters`)
    .nullable()
    .overwrite((value) => value || null)
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, `takes one of ${values.join(', ')}`)
}

export function integer(min: number, max: number) {
  const takes = `takes a whole number from ${min} to ${max}`
  return z.int(takes).min(min, takes).max(max, takes)
}

export const id = z.uuid().meta({ description: 'UUID v7' })

/** Path parameters of a route about one thing. */
export const idParams = z.strictObject({ id: z.guid('takes a UUID').overwrite(lowerCase) })

/** A Date in the handler, ISO 8601 with Z in the answer. */
export const time = z.codec(z.iso.datetime(), z.date(), {
  decode: (iso) => new Date(iso),
  encode: (date) => date.toISOString(),
})

/** As the database writes ids, so that texts made of them compare. */
function lowerCase(uuid: string): string {
  return uuid.toLowerCase()
}
