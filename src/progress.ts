/** Progress on the terminal as a bar; elsewhere as a line every few seconds. */
import { SingleBar } from 'cli-progress'

const LINE_EVERY_MS = 5000

export interface Progress {
  start(label: string, total: number): void
  update(done: number): void
  /** A line that stays, above the bar. */
  note(line: string): void
  stop(): void
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bar(stream) : lines(stream)
}

function bar(stream: NodeJS.WriteStream): Progress {
  const single = new SingleBar({
    stream,
    format: '{label} {bar} {value}/{total} · {duration} s',
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    // Nothing to restore; its handler would swallow the first Ctrl-C.
    hideCursor: false,
    gracefulExit: false,
  })
  return {
    start: (label, total) => single.start(total, 0, { label: label.padEnd(8) }),
    update: (done) => single.update(done),
    note(line) {
      stream.clearLine(0)
      stream.cursorTo(0)
      stream.write(`${line}\n`)
      if (single.isActive) single.render()
    },
    stop: () => single.stop(),
  }
}

function lines(stream: NodeJS.WriteStream): Progress {
  let label = ''
  let total = 0
  let done = 0
  let writtenAt = 0
  let written = ''

  function write(): void {
    const line = `${label} ${done}/${total}\n`
    if (line === written) return
    written = line
    writtenAt = performance.now()
    stream.write(line)
  }

  return {
    start(newLabel, newTotal) {
      label = newLabel
      total = newTotal
      done = 0
      write()
    },
    update(newDone) {
      done = newDone
      if (performance.now() - writtenAt >= LINE_EVERY_MS) write()
    },
    note: (line) => stream.write(`${line}\n`),
    stop: write,
  }
}
