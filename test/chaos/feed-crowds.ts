/** The parent's side of the crowds: spreads the clients over processes and gathers what they say. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Belongings } from './belongings.ts'
import type { CrowdAnswer, CrowdCommand, CrowdVerdict } from './feed-crowd.ts'
import { faults, noFaults, type WorkspaceTruth } from './feed-truth.ts'
import type { WatcherPlan } from './feed-watcher.ts'

export interface Crowds {
  drops(): number
  /** How many clients do what. */
  doing(): string
  /** Answers the clients that did not come to the end of the feed in time. */
  catchUp(heads: Record<string, number>, limitMs: number): Promise<string[]>
  judge(truths: Record<string, WorkspaceTruth>): Promise<CrowdVerdict>
}

export function startCrowds(of: {
  baseUrl: string
  plans: WatcherPlan[]
  processes: number
  seed: number
  drops: number
  gapMs: number
  belongings: Belongings
}): Crowds {
  const { plans, processes, belongings, ...rest } = of
  const crowds = Array.from({ length: processes }, (_, index) => {
    const crowd = startCrowd()
    belongings.add(crowd.end)
    crowd.tell({
      type: 'start',
      ...rest,
      seed: of.seed + index,
      plans: plans.filter((_plan, at) => at % processes === index),
    })
    return crowd
  })
  return {
    drops: () => crowds.reduce((sum, crowd) => sum + crowd.progress.drops, 0),
    doing() {
      const all: Record<string, number> = {}
      for (const { progress } of crowds) {
        for (const [what, count] of Object.entries(progress.doing)) {
          all[what] = (all[what] ?? 0) + count
        }
      }
      return Object.entries(all)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ')
    },
    async catchUp(heads, limitMs) {
      const answers = crowds.map((crowd) => crowd.next('caught up'))
      for (const crowd of crowds) crowd.tell({ type: 'catch up', heads, limitMs })
      return (await Promise.all(answers)).flatMap(({ behind }) => behind)
    },
    async judge(truths) {
      const answers = crowds.map((crowd) => crowd.next('verdict'))
      for (const crowd of crowds) crowd.tell({ type: 'judge', truths })
      return sumOf((await Promise.all(answers)).map(({ verdict }) => verdict))
    },
  }
}

interface Crowd {
  progress: { drops: number; doing: Record<string, number> }
  tell(command: CrowdCommand): void
  next<T extends CrowdAnswer['type']>(type: T): Promise<CrowdAnswer & { type: T }>
  end(): void
}

function startCrowd(): Crowd {
  const child: ChildProcess = fork(join(import.meta.dirname, 'feed-crowd.ts'), {
    serialization: 'advanced',
  })
  const progress: Crowd['progress'] = { drops: 0, doing: {} }
  child.on('message', (answer: CrowdAnswer) => {
    if (answer.type === 'progress') Object.assign(progress, answer)
  })
  return {
    progress,
    tell: (command) => void child.send(command),
    next: <T extends CrowdAnswer['type']>(type: T) =>
      new Promise<CrowdAnswer & { type: T }>((resolve, reject) => {
        child.once('exit', () => reject(new Error('a crowd ended by itself')))
        child.on('message', (answer: CrowdAnswer) => {
          if (answer.type === type) resolve(answer as CrowdAnswer & { type: T })
        })
      }),
    end: () => void child.kill('SIGKILL'),
  }
}

function sumOf(verdicts: CrowdVerdict[]): CrowdVerdict {
  const sum: CrowdVerdict = {
    tally: noFaults(),
    clients: 0,
    drops: 0,
    applied: 0,
    merged: 0,
    odd: verdicts.flatMap(({ odd }) => odd),
  }
  for (const verdict of verdicts) {
    for (const name of ['clients', 'drops', 'applied', 'merged'] as const) {
      sum[name] += verdict[name]
    }
    for (const fault of faults) sum.tally[fault] += verdict.tally[fault]
  }
  return sum
}
