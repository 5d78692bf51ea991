/** A table that scrolls sideways where there is no room for it, with the keyboard, too. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

export function ScrollTable({ label, children }: { label: string; children: ComponentChildren }) {
  const area = useRef<HTMLDivElement>(null)
  const [overflows, setOverflows] = useState(false)
  useEffect(() => {
    const element = area.current
    if (!element) return
    const measure = () => setOverflows(element.scrollWidth > element.clientWidth)
    const resized = new ResizeObserver(measure)
    resized.observe(element)
    if (element.firstElementChild) resized.observe(element.firstElementChild)
    return () => resized.disconnect()
  }, [])
  // A stop for the Tab key only where there is something to scroll.
  const scrollable = overflows && ({ tabIndex: 0, role: 'group', 'aria-label': label } as const)
  return (
    <div ref={area} class="scroll" {...scrollable}>
      <table class="plain">
        <caption class="hidden">{label}</caption>
        {children}
      </table>
    </div>
  )
}

/** The head of a column of buttons, which only those who hear the page need named. */
export function ActionsHead() {
  return (
    <th scope="col">
      <span class="hidden">Actions</span>
    </th>
  )
}
