/** A score as number, word and shape: bars that are filled up to it. Never by colour alone. */
import { type Axis, scoreWords } from './format.ts'

export function Score({ axis, value }: { axis: Axis; value: number | null }) {
  if (value === null) {
    return (
      <span class="score none">
        <span aria-hidden="true">-</span>
        <span class="hidden">unscored</span>
      </span>
    )
  }
  return (
    <span class={`score ${axis} s${value}`}>
      <Bars value={value} />
      <span class="number">{value}</span>
      <span class="word">{scoreWords[axis][value - 1]}</span>
    </span>
  )
}

function Bars({ value }: { value: number }) {
  return (
    <svg class="bars" viewBox="0 0 17 14" width="17" height="14" aria-hidden="true">
      {[1, 2, 3, 4].map((step) => (
        <rect
          key={step}
          class={step <= value ? 'on' : 'off'}
          x={(step - 1) * 4.5 + 0.5}
          y={13.5 - step * 3.2}
          width="3"
          height={step * 3.2}
          rx="0.8"
        />
      ))}
    </svg>
  )
}
