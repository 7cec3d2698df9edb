import type { Page } from 'playwright-core'
import type { BrowserWindow } from './window.ts'

/** Least contrast of text by WCAG 2.2, 1.4.3 (AA), for text below 24 px. */
const LEAST = 4.5

/** Texts that are seen with less contrast than AA asks for, with the contrast that they have. */
export async function lowContrasts(page: Page): Promise<string[]> {
  const texts = await page.evaluate(seenTexts)
  return texts
    .map(({ text, colour, grounds }) => ({
      text,
      ratio: contrast(over([...grounds, colour]), over(grounds)),
    }))
    .filter(({ ratio }) => ratio < LEAST)
    .map(({ text, ratio }) => `${text}: ${ratio.toFixed(2)}`)
}

type Rgba = [red: number, green: number, blue: number, alpha: number]

/** Runs in the page: each text with its colour and the backgrounds under it, the lowest first. */
function seenTexts(): { text: string; colour: Rgba; grounds: Rgba[] }[] {
  const { document, getComputedStyle } = globalThis as unknown as BrowserWindow
  const rgba = (text: string): Rgba => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number)
    return [red, green, blue, alpha]
  }
  return [...document.querySelectorAll('body *')].flatMap((element) => {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')
    if (!own || !element.checkVisibility()) return []
    const grounds: Rgba[] = []
    for (let at = element; at !== null; at = at.parentElement)
      grounds.unshift(rgba(getComputedStyle(at).backgroundColor))
    const text = element.textContent.trim().slice(0, 60)
    return [{ text, colour: rgba(getComputedStyle(element).color), grounds }]
  })
}

function over(layers: readonly Rgba[]): [number, number, number] {
  let colour: [number, number, number] = [255, 255, 255]
  for (const [red, green, blue, alpha] of layers) {
    const mix = (above: number, below: number) => above * alpha + below * (1 - alpha)
    colour = [mix(red, colour[0]), mix(green, colour[1]), mix(blue, colour[2])]
  }
  return colour
}

function contrast(a: [number, number, number], b: [number, number, number]): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x)
  return (high + 0.05) / (low + 0.05)
}

/** Relative luminance by WCAG 2.2. */
function luminance(colour: [number, number, number]): number {
  const [red = 0, green = 0, blue = 0] = colour.map((part) => {
    const value = part / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
