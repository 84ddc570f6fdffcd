"""GLSL of the viewer, desktop GL 3.3 and GLES 3.0 alike; the numbers come from theme.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .. import theme
from ..body_shape import FLOOR_Y


def _vec3(values: Iterable[float]) -> str:
    return f"vec3({', '.join(f'{value:.6f}' for value in values)})"


_CONSTANTS: Final = f"""
const vec3 LIGHT = {_vec3(theme.LIGHT_DIRECTION)};
const vec3 KEY = {_vec3(theme.KEY_LIGHT)};
const vec3 SKY = {_vec3(theme.SKY_LIGHT)};
const vec3 GROUND = {_vec3(theme.GROUND_LIGHT)};
const vec3 RIM = {_vec3(theme.RIM_LIGHT)};
const vec3 FLOOR = {_vec3(theme.linear(theme.FLOOR))};
const vec3 GRID = {_vec3(theme.linear(theme.GRID))};
const vec3 TOP = {_vec3(theme.linear(theme.BACKGROUND_TOP))};
const vec3 HORIZON = {_vec3(theme.linear(theme.BACKGROUND_HORIZON))};
const float FLOOR_Y = {FLOOR_Y:.6f};
vec3 to_srgb(vec3 c) {{ return sqrt(clamp(c, 0.0, 1.0)); }}  // theme.GAMMA is 2
"""

# The share of the key light that a point misses: a square of soft taps in the light's depth map.
# FLOOR_REACH and BODY_REACH are set by the header: 0 makes one tap, 1 nine, 2 twenty-five.
_SHADOW: Final = """
uniform highp sampler2DShadow shadow_map;
uniform mat4 shadow_matrix;
float shadow_at(vec3 point, float radius, int reach) {
    vec3 p = (shadow_matrix * vec4(point, 1.0)).xyz * 0.5 + 0.5;
    if (any(lessThan(p, vec3(0.0))) || any(greaterThan(p, vec3(1.0)))) return 0.0;
    float lit = 0.0;
    float step = radius / max(float(reach), 1.0);
    for (int i = -reach; i <= reach; ++i)
        for (int j = -reach; j <= reach; ++j)
            lit += texture(shadow_map, vec3(p.xy + vec2(float(i), float(j)) * step, p.z));
    return 1.0 - lit / float((2 * reach + 1) * (2 * reach + 1));
}
"""

# A round cone from a grid of (around, along, end): each end is its sphere up to the tangent ring.
BODY_VERTEX: Final = """
layout(location = 0) in vec3 grid;
layout(location = 1) in vec4 start;
layout(location = 2) in vec4 stop;
layout(location = 3) in vec3 colour;
uniform mat4 view_projection;
out vec3 point;
out vec3 normal;
flat out vec3 albedo;
void main() {
    vec3 axis = stop.xyz - start.xyz;
    float span = length(axis);
    axis = span > 1e-6 ? axis / span : vec3(0.0, 1.0, 0.0);
    float tangent = asin(clamp((start.w - stop.w) / max(span, 1e-6), -1.0, 1.0));
    float latitude =
        grid.z < 0.5 ? mix(-1.5707963, tangent, grid.y) : mix(tangent, 1.5707963, grid.y);
    vec3 across = abs(axis.y) < 0.9 ? vec3(0.0, 1.0, 0.0) : vec3(1.0, 0.0, 0.0);
    vec3 side = normalize(cross(axis, across));
    vec3 other = cross(side, axis);
    normal = sin(latitude) * axis + cos(latitude) * (cos(grid.x) * side + sin(grid.x) * other);
    point = grid.z < 0.5 ? start.xyz + start.w * normal : stop.xyz + stop.w * normal;
    albedo = colour;
    gl_Position = view_projection * vec4(point, 1.0);
}
"""

BODY_FRAGMENT: Final = f"""
{_CONSTANTS}
{_SHADOW}
in vec3 point;
in vec3 normal;
flat in vec3 albedo;
uniform vec3 eye;
uniform float shadow_radius;
uniform float strength;
out vec4 pixel;
void main() {{
    vec3 n = normalize(normal);
    vec3 v = normalize(eye - point);
    float key = max((dot(n, LIGHT) + {theme.LIGHT_WRAP:.6f}) / (1.0 + {theme.LIGHT_WRAP:.6f}), 0.0);
    if (key > 0.0) key *= 1.0 - 0.6 * shadow_at(point + n * 0.018, shadow_radius, BODY_REACH);
    float sky = 0.5 + 0.5 * n.y;
    float glance = max(dot(n, normalize(LIGHT + v)), 0.0);
    float gloss = pow(glance, {theme.SHININESS:.6f}) * {theme.SPECULAR:.6f};
    vec3 rim = pow(1.0 - max(dot(n, v), 0.0), {theme.RIM_POWER:.6f}) * sky * RIM;
    float ground = mix(0.72, 1.0, smoothstep(0.0, 0.35, point.y - FLOOR_Y));
    vec3 light = mix(GROUND, SKY, sky) * ground + KEY * key;
    pixel = vec4(to_srgb(albedo * light + gloss * min(key * 4.0, 1.0) + rim), strength);
}}
"""

SHADOW_FRAGMENT: Final = "void main() {}\n"

FLOOR_VERTEX: Final = f"""
{_CONSTANTS}
layout(location = 0) in vec2 corner;
uniform mat4 view_projection;
uniform vec3 centre;
uniform float reach;
out vec2 place;
void main() {{
    place = centre.xz + corner * reach;
    gl_Position = view_projection * vec4(place.x, FLOOR_Y, place.y, 1.0);
}}
"""

FLOOR_FRAGMENT: Final = f"""
{_CONSTANTS}
in vec2 place;
uniform vec3 centre;
uniform float spotlight;
uniform float picture_height;
out vec4 pixel;
float lines(float size, vec2 foot) {{
    vec2 gap = abs(fract(place / size + 0.5) - 0.5) * size;
    vec2 width = max(vec2({theme.GRID_WIDTH:.6f}), foot);
    vec2 fill = clamp((width - gap) / foot + 0.5, 0.0, 1.0) * {theme.GRID_WIDTH:.6f} / width;
    return max(fill.x, fill.y);
}}
void main() {{
    float away = length(place - centre.xz) / spotlight;
    float cover = 1.0 - smoothstep({theme.FLOOR_NEAR:.6f}, {theme.FLOOR_FAR:.6f}, away);
    vec2 foot = fwidth(place);
    float line = max(
        lines({theme.GRID_STEP:.6f}, foot) * {theme.GRID_MINOR_STRENGTH:.6f},
        lines({theme.GRID_STEP * theme.GRID_MAJOR:.6f}, foot) * {theme.GRID_MAJOR_STRENGTH:.6f});
    vec3 colour = mix(FLOOR * (0.45 + 0.55 * cover), GRID, line);
    float down = smoothstep(0.0, 0.7, 1.0 - gl_FragCoord.y / picture_height);
    pixel = vec4(to_srgb(mix(mix(TOP, HORIZON, down), colour, cover)), 1.0);
}}
"""

# The shadow multiplies the floor under the light's square: in sRGB by the root of its linear value.
# It is a patch of its own, since software drivers run every tap for every pixel despite branches.
SHADOW_PATCH_VERTEX: Final = f"""
{_CONSTANTS}
layout(location = 0) in vec2 corner;
uniform mat4 view_projection;
uniform mat4 patch_matrix;
out vec3 point;
void main() {{
    point = (patch_matrix * vec4(corner, 0.0, 1.0)).xyz;
    gl_Position = view_projection * vec4(point, 1.0);
}}
"""

SHADOW_PATCH_FRAGMENT: Final = f"""
{_CONSTANTS}
{_SHADOW}
in vec3 point;
uniform vec3 centre;
uniform float spotlight;
uniform float shadow_radius;
out vec4 pixel;
void main() {{
    float away = length(point.xz - centre.xz) / spotlight;
    float cover = 1.0 - smoothstep({theme.FLOOR_NEAR:.6f}, {theme.FLOOR_FAR:.6f}, away);
    float shadow = {theme.SHADOW:.6f} * cover * shadow_at(point, shadow_radius, FLOOR_REACH);
    pixel = vec4(to_srgb(vec3(1.0 - shadow)), 1.0);
}}
"""

# Strokes on the floor: trails and contacts. The quad is a pixel larger than the stroke; its
# distance to the middle line makes the inside, the rim and the soft edge.
MARK_VERTEX: Final = f"""
{_CONSTANTS}
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 ends;
layout(location = 2) in vec4 style;
layout(location = 3) in vec2 strength;
uniform mat4 view_projection;
out vec2 place;
flat out vec4 line;
flat out vec4 look;
flat out vec2 cover;
void main() {{
    vec2 along = ends.zw - ends.xy;
    float span = length(along);
    along = span > 1e-6 ? along / span : vec2(1.0, 0.0);
    float reach = style.x * 1.25 + 0.01;
    vec2 out_of_line = along * corner.x + vec2(-along.y, along.x) * corner.y;
    place = mix(ends.xy, ends.zw, 0.5 + 0.5 * corner.x) + out_of_line * reach;
    line = ends;
    look = style;
    cover = strength;
    // Clear of the floor's own depth.
    gl_Position = view_projection * vec4(place.x, FLOOR_Y + 0.006, place.y, 1.0);
}}
"""

MARK_FRAGMENT: Final = f"""
{_CONSTANTS}
in vec2 place;
flat in vec4 line;
flat in vec4 look;
flat in vec2 cover;
uniform vec3 centre;
uniform float spotlight;
out vec4 pixel;
void main() {{
    vec2 along = line.zw - line.xy;
    float t = clamp(dot(place - line.xy, along) / max(dot(along, along), 1e-9), 0.0, 1.0);
    float depth = look.x - length(place - line.xy - t * along);
    float soft = max(fwidth(depth), 1e-5);
    float inside = clamp(depth / soft + 0.5, 0.0, 1.0);
    float rim = inside * clamp(({theme.MARK_RIM:.6f} - depth) / soft + 0.5, 0.0, 1.0);
    float away = length(place - centre.xz) / spotlight;
    float near = 1.0 - smoothstep({theme.FLOOR_NEAR:.6f}, {theme.FLOOR_FAR:.6f}, away);
    pixel = vec4(to_srgb(look.yzw), max(inside * cover.x, rim * cover.y) * near);
}}
"""

BACKGROUND_VERTEX: Final = """
layout(location = 0) in vec2 corner;
out float down;
void main() {
    down = 0.5 - 0.5 * corner.y;
    gl_Position = vec4(corner, 0.0, 1.0);
}
"""

BACKGROUND_FRAGMENT: Final = f"""
{_CONSTANTS}
in float down;
out vec4 pixel;
void main() {{ pixel = vec4(to_srgb(mix(TOP, HORIZON, smoothstep(0.0, 0.7, down))), 1.0); }}
"""

# Flat rectangles and textured panels of the HUD, in pixels from the top left.
PANEL_VERTEX: Final = """
layout(location = 0) in vec2 corner;
uniform vec4 box;
uniform vec2 picture;
out vec2 at;
void main() {
    at = 0.5 + 0.5 * corner;
    vec2 p = (box.xy + at * box.zw) / picture * 2.0 - 1.0;
    gl_Position = vec4(p.x, -p.y, 0.0, 1.0);
}
"""

PANEL_FRAGMENT: Final = """
in vec2 at;
uniform sampler2D panel;
uniform vec4 tint;
uniform float flat_colour;
out vec4 pixel;
void main() { pixel = flat_colour > 0.5 ? tint : texture(panel, at) * tint; }
"""
