/**
 * What commits cost: a fixed part, for which the disk and the round trips are the reason, and so much
 * per row. The line of least squares through the commits of late, the newest counting most. Waits
 * grow with what waits only by the rows' part; the fixed one nobody is spared.
 */

export interface CommitCost {
  /** One commit of so many rows, and how long it took. */
  group(rows: number, ms: number): void
  /** Of a commit, whatever its size; 0 until there was one. */
  fixedMs(): number
  /** Never 0. */
  rowMs(): number
}

/** Of one commit in the averages: some fifty, a second or two under load, make them follow. */
const NEWEST_SHARE = 0.02
/** What a row costs where nothing tells it: commits that are all of one size fit any line. */
const ROW_MS_SUPPOSED = 0.4
/** No database is so quick. With 0, which chance may bring, nothing would bound what may wait. */
const ROW_MS_MIN = 0.05
/** How firmly: sizes have to differ by five rows from their mean to count as much. */
const SUPPOSED_VARIANCE = 5 ** 2
/** A database that stood still once is not to be taken for one whose every commit is slow. */
const COMMIT_MS_MAX = 250

/**
 * Means and (co)variance are kept as in T. Finch, "Incremental calculation of weighted mean and
 * variance" (2009), section 9; the supposition makes it a ridge regression.
 */
export function commitCost(): CommitCost {
  let commits = 0
  let meanRows = 0
  let meanMs = 0
  let variance = 0
  let covariance = 0

  const rowMs = () =>
    Math.max(
      ROW_MS_MIN,
      (covariance + SUPPOSED_VARIANCE * ROW_MS_SUPPOSED) / (variance + SUPPOSED_VARIANCE),
    )
  return {
    group(rows, ms) {
      commits += 1
      // The first ones count alike, or the very first would be most of it for long.
      const share = Math.max(NEWEST_SHARE, 1 / commits)
      const moreRows = rows - meanRows
      const moreMs = Math.min(ms, COMMIT_MS_MAX) - meanMs
      meanRows += share * moreRows
      meanMs += share * moreMs
      variance = (1 - share) * (variance + share * moreRows ** 2)
      covariance = (1 - share) * (covariance + share * moreRows * moreMs)
    },
    fixedMs: () => Math.max(0, meanMs - rowMs() * meanRows),
    rowMs,
  }
}
