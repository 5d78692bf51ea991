/** `eval` on the command line: what it takes, and the refusal of everything else by name. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from '../command-error.ts'

export interface EvalOptions {
  /** Null: the conversations that come with Leadpulse. */
  file: string | null
  /** Empty: the configured scorer. */
  compare: string[]
  attacks: boolean
  attacksPerCase: number
  concurrency: number
  json: boolean
}

const CONCURRENCY_MAX = 100
const ATTACKS_PER_CASE_MAX = 240

interface Given extends Pick<EvalOptions, 'attacksPerCase' | 'concurrency'> {
  file?: string
  compare?: string[]
  attacks?: true
  json?: true
}

export function evalCommand(run: (options: EvalOptions) => Promise<void>): Command {
  return new Command('eval')
    .summary('measure a scorer against labelled conversations')
    .description(
      'Scores a labelled set with the configured scorer (rules-v1 without OPENAI_API_KEY) and says ' +
        'how far it agrees with the labels, what that cost and how long it took. Needs no running ' +
        'service, reads and writes no database.',
    )
    .option('--file <path>', 'cases as JSON lines; default: the 89 that come with Leadpulse')
    .addOption(
      new Option(
        '--compare <models>',
        'two scorers side by side: modelA,modelB or rules-v1',
      ).argParser(twoModels),
    )
    .option('--attacks', 'score each conversation with and without hostile text, and compare')
    .addOption(
      new Option('--attacks-per-case <count>', 'hostile texts tried on each conversation')
        .default(3)
        .argParser(whole(ATTACKS_PER_CASE_MAX)),
    )
    .addOption(
      new Option('--concurrency <count>', 'calls at once')
        .default(8)
        .argParser(whole(CONCURRENCY_MAX)),
    )
    .option('--json', 'end with one line of JSON')
    .addHelpText('after', help)
    .action(async ({ file, compare, attacks, json, ...rest }: Given) => {
      if (attacks && compare) {
        throw new CommandError('--attacks, --compare: one at a time; OPENAI_MODEL names the model')
      }
      await run({
        ...rest,
        file: file ?? null,
        compare: compare ?? [],
        attacks: attacks ?? false,
        json: json ?? false,
      })
    })
}

const help = `
Calls go to OPENAI_BASE_URL with OPENAI_API_KEY and are billed. Rate limits, time limits and server
errors are tried again and shown. Progress goes to stderr, the result to stdout.

Exit code 0: every case has a score. 1: a mistake in options, settings or file, or no score at all.
2: some cases have no score; they are listed and not counted.

Examples:
  npm run eval
  npm run eval -- --file cases.jsonl --json
  npm run eval -- --compare gpt-5-nano,gpt-6-luna
  npm run eval -- --attacks
`

function twoModels(raw: string): string[] {
  const names = raw.split(',').map((name) => name.trim())
  const good = names.length === 2 && names.every((name) => /^[\w.:/-]{1,100}$/.test(name))
  if (!good || names[0] === names[1]) {
    throw new InvalidArgumentError('takes two different models such as gpt-5-nano,gpt-6-luna')
  }
  return names
}

const whole = (max: number) => (raw: string) => {
  const value = Number(raw)
  if (!/^\d+$/.test(raw) || value < 1 || value > max) {
    throw new InvalidArgumentError(`takes a whole number from 1 to ${max}`)
  }
  return value
}
