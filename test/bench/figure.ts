/** One figure, always beside what it is compared with, measured in the same run. */
export interface Figure {
  figure: string
  value: number
  unit: string
  /** What it is compared with, and that one's value in the same unit. */
  peer: string
  peerValue: number
  /** Absent: the figure only informs. */
  limit?: { ratio: number } | { value: number }
}

/** The JSON line of a figure. */
export function figureLine({ limit, ...figure }: Figure): string {
  const ratio = figure.peerValue === 0 ? null : round(figure.value / figure.peerValue)
  const within =
    limit === undefined
      ? {}
      : 'ratio' in limit
        ? { limit: limit.ratio, within: ratio !== null && ratio <= limit.ratio }
        : { limit: limit.value, within: figure.value <= limit.value }
  return JSON.stringify({
    ...figure,
    value: round(figure.value),
    peerValue: round(figure.peerValue),
    ratio,
    ...within,
  })
}

/** The middle one; of an even number the mean of the two. @throws RangeError of none */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  const high = sorted[Math.ceil((sorted.length - 1) / 2)]
  if (low === undefined || high === undefined) throw new RangeError('the median of nothing')
  return (low + high) / 2
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
