import type { Flavour, Recipe } from './recipe.ts'
import { liveRecipe } from './recipe-live.ts'
import { rootRecipe } from './recipe-root.ts'

export const recipes: Readonly<Record<Flavour, Recipe>> = { live: liveRecipe, root: rootRecipe }
