/** What ends a command of the command line: one line for a person, without a stack. */
export class CommandError extends Error {
  override name = 'CommandError'
}
