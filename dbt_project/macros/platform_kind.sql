{#-
  What kind of device an export's `platform` is: Spotify has written the same in many ways over the years.
-#}
{% macro platform_kind(platform) -%}
    case
        when {{ platform }} is null or lower({{ platform }}) in ('', 'not_applicable', 'unknown') then 'unknown'
        when {{ platform }} ~* 'web_?player' then 'web'
        when {{ platform }} ~* 'playstation|xbox|nintendo|\mps[345]\M' then 'console'
        when {{ platform }} ~* '^android os' then 'android'
        when {{ platform }} ~* 'tv|webos|tizen|roku' then 'tv'
        when {{ platform }} ~* 'cast|google_home|sonos|speaker|alexa|echo|amazon|bose|denon|harman|yamaha' then 'speaker'
        when {{ platform }} ~* '\mios\M|iphone|ipad|ipod|watchos' then 'ios'
        when {{ platform }} ~* 'android' then 'android'
        when {{ platform }} ~* 'os x|osx|macos' then 'macos'
        when {{ platform }} ~* 'windows' then 'windows'
        when {{ platform }} ~* 'linux' then 'linux'
        else 'other'
    end
{%- endmacro %}
