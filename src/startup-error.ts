/** A start that cannot go on for a reason a person can mend: printed as one line, exit code 1. */
export class StartupError extends Error {
  override name = 'StartupError'
}
